import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: some records fail once and take the ladder. */
replaceModule(
  new URL('../../../worker/src/message.ts', import.meta.url),
  new URL('_stumbling-message.ts', import.meta.url)
)
