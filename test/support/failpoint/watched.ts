import { replaceModule } from '../../drills/sabotage/_replace.ts'

/** Preloaded into a worker process: it says which deliveries came again, and how often. */
replaceModule(
  new URL('../../../shared/src/broker/hand.ts', import.meta.url),
  new URL('hand.ts', import.meta.url)
)
