import { createConsumer, type Delivery, type Session } from '@sluice/shared/broker'
import { ExhaustedError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Circuit, Holdable } from './circuit.ts'
import { createCollector } from './collector.ts'
import { oneByOne, type Held, type Work } from './work.ts'

/** One queue, consumed in batches of its own with a prefetch of its own, so that no lane waits for another. */
export interface Lane extends Holdable {
  readonly name: string
  /** Deliveries in hand, not yet answered. */
  readonly held: number
  readonly isConsuming: boolean
  /** Takes no more, finishes what is in hand; resolves to how many deliveries go back to the queue. */
  drain: (timeoutMs: number) => Promise<number>
}

export interface LaneOptions {
  name: string
  queue: string
  /** Most deliveries in a batch. */
  batchSize: number
  /** How long the first delivery of a batch waits for company. */
  lingerMs: number
  /** Batches under way at once; the lane's share of database connections. */
  atOnce: number
}

export interface LaneDeps {
  session: Session
  circuit: Circuit
  work: Work
  /** Takes over a delivery that came back too often, before it is touched; without it none does. */
  quarantine?: (delivery: Delivery) => Promise<void>
  log: Logger
}

/** Returns after which a delivery is suspected of killing its worker. */
const SUSPICIOUS_RETURNS = 3
/** A lane that cannot finish what it held may not keep the others from going on. */
const RELEASE_TIMEOUT_MS = 10_000
/** So often a batch that is too much for Postgres is tried as a whole: then its members are, one by one. */
const EXHAUSTED_TOGETHER = 2

export const createLane = (
  { name, queue, batchSize, lingerMs, atOnce }: LaneOptions,
  { session, circuit, work, quarantine, log: parentLog }: LaneDeps
): Lane => {
  const log = parentLog.child({ lane: name })
  let opened = Promise.withResolvers<void>()
  let isShut = false
  let isDraining = false
  let underway = 0
  let onQuiet: (() => void) | undefined

  const attempt = async (how: Work, batch: readonly Delivery[]): Promise<Held | undefined> => {
    underway += 1
    try {
      return await how(batch)
    } finally {
      underway -= 1
      if (underway === 0) onQuiet?.()
    }
  }

  const run = async (batch: readonly Delivery[]): Promise<void> => {
    let open = batch
    for (let exhausted = 0; ;) {
      // The broker delivers again what was lost; whoever gets it then does the work.
      open = open.filter(({ isLost }) => !isLost)
      if (open.length === 0) return
      if (isShut) {
        await opened.promise
        continue
      }
      const held = await attempt(exhausted < EXHAUSTED_TOGETHER ? work : oneByOne(work), open)
      if (held === undefined) return
      open = held.deliveries
      if (held.cause instanceof ExhaustedError) exhausted += 1
      circuit.trip(held.cause)
    }
  }

  const collector = createCollector<Delivery>({ size: batchSize, lingerMs, atOnce, run })
  const consumer = createConsumer(session, {
    queue,
    prefetch: batchSize * (atOnce === 1 && batchSize === 1 ? 1 : atOnce + 1),
    log,
    onDelivery: (delivery) => {
      if (quarantine !== undefined && delivery.deliveryCount >= SUSPICIOUS_RETURNS)
        return quarantine(delivery)
      collector.add(delivery)
      return undefined
    }
  })

  const open = (): void => {
    isShut = false
    opened.resolve()
  }
  /** Batches that wait see what has changed, and those with nothing left end. */
  const nudge = (): void => {
    const before = opened
    opened = Promise.withResolvers<void>()
    before.resolve()
  }

  return {
    name,
    get held() {
      return consumer.held
    },
    get isConsuming() {
      return consumer.isConsuming
    },
    hold: () => {
      if (isShut) return
      isShut = true
      opened = Promise.withResolvers<void>()
      void consumer.pause().catch((thrown: unknown) => log.warn({ err: toError(thrown) }, 'pause failed'))
    },
    giveBack: async () => {
      await consumer.giveBack()
      nudge()
    },
    release: async () => {
      open()
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, RELEASE_TIMEOUT_MS)
        onQuiet = () => {
          clearTimeout(timer)
          resolve()
        }
        // Batches that waited start in the microtasks after `open`; with none there is nothing to wait for.
        setImmediate(() => {
          if (underway === 0) onQuiet?.()
        })
      })
      onQuiet = undefined
      if (!circuit.isOpen && !isDraining) await consumer.resume()
    },
    drain: async (timeoutMs) => {
      isDraining = true
      if (isShut) {
        // What is held cannot be finished: it goes back, and another worker takes it.
        const { held } = consumer
        await consumer.giveBack()
        nudge()
        return held
      }
      return await consumer.drain(timeoutMs)
    }
  }
}
