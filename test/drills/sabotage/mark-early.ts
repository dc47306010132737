import { replaceModule } from './_replace.ts'

/** Preloaded into a replay: a letter is marked before the broker has confirmed its copy. */
replaceModule(
  new URL('../../../cli/src/replay-chunk.ts', import.meta.url),
  new URL('_early-mark.ts', import.meta.url)
)
