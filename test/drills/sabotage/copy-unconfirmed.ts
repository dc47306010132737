import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: a message is acknowledged before its copy is confirmed. */
replaceModule(
  new URL('../../../worker/src/retries.ts', import.meta.url),
  new URL('_careless-retries.ts', import.meta.url)
)
