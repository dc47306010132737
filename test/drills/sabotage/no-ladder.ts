import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: what fails once is dead. */
replaceModule(
  new URL('../../../worker/src/decide.ts', import.meta.url),
  new URL('_merciless-decide.ts', import.meta.url)
)
