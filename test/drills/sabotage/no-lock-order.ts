import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: rows are locked in whatever order. */
replaceModule(
  new URL('../../../prisma/src/tables/offers.ts', import.meta.url),
  new URL('_shuffled-offers.ts', import.meta.url)
)
