import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: it starts whatever the topology is. */
replaceModule(
  new URL('../../../shared/src/broker/topology.ts', import.meta.url),
  new URL('_incurious-topology.ts', import.meta.url)
)
