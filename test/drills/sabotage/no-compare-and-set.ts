import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: who writes an offer last wins, whatever was written since it was read. */
replaceModule(
  new URL('../../../prisma/src/tables/offers.ts', import.meta.url),
  new URL('_last-writer-offers.ts', import.meta.url)
)
