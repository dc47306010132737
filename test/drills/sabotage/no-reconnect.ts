import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: a connection that is lost stays lost. */
replaceModule(
  new URL('../../../shared/src/broker/backoff.ts', import.meta.url),
  new URL('_endless-backoff.ts', import.meta.url)
)
