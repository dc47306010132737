import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: what arrives later is newer. */
replaceModule(
  new URL('../../../shared/src/stamp.ts', import.meta.url),
  new URL('_arrival-stamp.ts', import.meta.url)
)
