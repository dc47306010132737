import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: the record `killer` takes the process with it. */
replaceModule(
  new URL('../../../worker/src/message.ts', import.meta.url),
  new URL('_deadly-message.ts', import.meta.url)
)
