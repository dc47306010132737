import { replaceModule } from './_replace.ts'

/** Preloaded into a gateway: every request meets a bug that quotes it. */
replaceModule(
  new URL('../../../gateway/src/auth/index.ts', import.meta.url),
  new URL('_quoting-auth.ts', import.meta.url)
)
