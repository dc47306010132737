import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: every message is acknowledged before anything is done about it. */
replaceModule(
  new URL('../../../worker/src/record-work.ts', import.meta.url),
  new URL('_hasty-work.ts', import.meta.url)
)
