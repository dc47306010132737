import { replaceModule } from './_replace.ts'

/** Preloaded into a gateway: a body that came before is taken for a copy, whoever vouches for its id. */
replaceModule(
  new URL('../../../gateway/src/auth/index.ts', import.meta.url),
  new URL('_body-as-event.ts', import.meta.url)
)
