import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: a copy counts as sent, whatever the broker says about it. */
replaceModule(
  new URL('../../../worker/src/retries.ts', import.meta.url),
  new URL('_credulous-retries.ts', import.meta.url)
)
