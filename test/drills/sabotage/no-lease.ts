import { replaceModule } from './_replace.ts'

/** Preloaded into a scheduler: whatever the lease says, a run is still its own. */
replaceModule(
  new URL('../../../prisma/src/tables/feed-runs.ts', import.meta.url),
  new URL('_unlosable-feed-runs.ts', import.meta.url)
)
replaceModule(
  new URL('../../../prisma/src/tables/removals.ts', import.meta.url),
  new URL('_unlosable-removals.ts', import.meta.url)
)
