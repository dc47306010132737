import { replaceModule } from '../../drills/sabotage/_replace.ts'

/**
 * Preloaded into a worker process: it dies of SIGKILL the first time it gets to the place named in DRILL_FAILPOINT, and
 * says which deliveries came again. The worker itself knows nothing of it.
 */
const at = (module: string, replacement: URL): void =>
  replaceModule(new URL(`../../../${module}`, import.meta.url), replacement)

at('prisma/src/tables/offers.ts', new URL('offers.ts', import.meta.url))
at('prisma/src/tables/offer-changes.ts', new URL('offer-changes.ts', import.meta.url))
at('worker/src/apply.ts', new URL('apply.ts', import.meta.url))
at('worker/src/retries.ts', new URL('retries.ts', import.meta.url))
at('shared/src/broker/hand.ts', new URL('hand.ts', import.meta.url))
