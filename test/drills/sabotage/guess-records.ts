import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: what cannot be read is guessed. */
replaceModule(
  new URL('../../../shared/src/envelope.ts', import.meta.url),
  new URL('_guessing-envelope.ts', import.meta.url)
)
