import type { Delivery } from '@sluice/shared/broker'
import { ExhaustedError, type DependencyError } from '@sluice/shared/errors'

/** Deliveries to keep in hand until the dependency is back. */
export interface Held {
  deliveries: readonly Delivery[]
  cause: DependencyError
}

export interface WorkOptions {
  /** The batch is one delivery of a batch that was too much for Postgres; alone it is to blame for itself. */
  isAlone?: boolean
}

/** Does the work of a batch and answers the broker; returns what must be held because a dependency is away. */
export type Work = (batch: readonly Delivery[], options?: WorkOptions) => Promise<Held | undefined>

/** A batch may be as slow as this many statement timeouts in a row; the broker waits far longer for its answers. */
const ALONE_MAX_MS = 300_000

/** The same work for each delivery of a batch by itself, as long as there is time; the rest is held. */
export const oneByOne =
  (work: Work): Work =>
  async (batch) => {
    const startedAt = performance.now()
    for (const [index, delivery] of batch.entries()) {
      const deliveries = batch.slice(index)
      if (performance.now() - startedAt >= ALONE_MAX_MS) return { deliveries, cause: outOfTime() }
      const held = delivery.isLost ? undefined : await work([delivery], { isAlone: true })
      if (held !== undefined) return { deliveries, cause: held.cause }
    }
    return undefined
  }

const outOfTime = (): ExhaustedError =>
  new ExhaustedError(
    'postgres',
    'DB_EXHAUSTED',
    `Postgres is too slow: a batch took longer than ${ALONE_MAX_MS / 1_000} s, record by record`
  )
