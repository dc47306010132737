import { replaceModule } from './_replace.ts'

/** Preloaded into a gateway: it answers before the broker or the outbox has confirmed. */
replaceModule(
  new URL('../../../gateway/src/accept.ts', import.meta.url),
  new URL('_early-accept.ts', import.meta.url)
)
