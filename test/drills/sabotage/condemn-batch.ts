import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: a bad record takes its whole batch with it. */
replaceModule(
  new URL('../../../worker/src/apply.ts', import.meta.url),
  new URL('_condemning-apply.ts', import.meta.url)
)
