import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: a bug keeps every record from getting a meaning. */
replaceModule(
  new URL('../../../worker/src/message.ts', import.meta.url),
  new URL('_buggy-message.ts', import.meta.url)
)
