import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: an outage of Postgres costs an attempt. */
replaceModule(
  new URL('../../../worker/src/decide.ts', import.meta.url),
  new URL('_impatient-decide.ts', import.meta.url)
)
