import { replaceModule } from './_replace.ts'

/** Preloaded into the example consumer: its place in the stream moves before the change is applied. */
replaceModule(
  new URL('../../../examples/src/offer-copy/file.ts', import.meta.url),
  new URL('_position-first.ts', import.meta.url)
)
