import { replaceModule } from './_replace.ts'

/** Preloaded into a scheduler: every file is a whole list, also one that was cut. */
replaceModule(
  new URL('../../../scheduler/src/verdict.ts', import.meta.url),
  new URL('_credulous-verdict.ts', import.meta.url)
)
