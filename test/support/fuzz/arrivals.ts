import { connect } from 'amqplib'
import { fromMessage, type Envelope } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'

/** Everything the gateway publishes, taken from its queue and read as a worker reads it. */
export interface Arrivals {
  /** The records of an accepted delivery, once there are so many. @throws when they do not arrive */
  of: (deliveryId: string, count: number) => Promise<Envelope[]>
  /** Deliveries nobody has asked for: something was published that was not accepted. */
  strays: () => string[]
  close: () => Promise<void>
}

/** Longer than a record waits in the outbox of a gateway whose broker was slow. */
const TIMEOUT_MS = 30_000

interface Delivery {
  envelopes: Map<string, Envelope>
  count: number
  arrived: PromiseWithResolvers<Envelope[]> | undefined
}

export const createArrivals = async (url: string, queue: string): Promise<Arrivals> => {
  const deliveries = new Map<string, Delivery>()
  /** A record relayed by the outbox may come twice, the second time when its delivery is forgotten. */
  const done = new Set<string>()
  let failure: Error | undefined
  const connection = await connect(url, { noDelay: true })
  const channel = await connection.createChannel()

  const deliveryOf = (id: string): Delivery => {
    const known = deliveries.get(id)
    if (known !== undefined) return known
    const made: Delivery = { envelopes: new Map(), count: Number.POSITIVE_INFINITY, arrived: undefined }
    deliveries.set(id, made)
    return made
  }
  const settle = (id: string, { envelopes, count, arrived }: Delivery): void => {
    if (envelopes.size < count) return
    deliveries.delete(id)
    done.add(id)
    arrived?.resolve([...envelopes.values()])
  }

  await channel.consume(
    queue,
    (message) => {
      if (message === null) return
      try {
        const envelope = fromMessage({ body: message.content, properties: message.properties })
        const id = envelope.messageId.slice(0, envelope.messageId.lastIndexOf('.'))
        if (done.has(id)) return
        const delivery = deliveryOf(id)
        delivery.envelopes.set(envelope.messageId, envelope)
        settle(id, delivery)
      } catch (error) {
        failure ??= toError(error)
      }
    },
    { noAck: true }
  )

  return {
    of: async (id, count) => {
      if (failure !== undefined) throw failure
      const delivery = deliveryOf(id)
      const arrived = Promise.withResolvers<Envelope[]>()
      Object.assign(delivery, { count, arrived })
      settle(id, delivery)
      const timer = setTimeout(() => {
        const got = delivery.envelopes.size
        arrived.reject(failure ?? new Error(`${got} of ${count} records of delivery ${id} arrived`))
      }, TIMEOUT_MS)
      return await arrived.promise.finally(() => clearTimeout(timer))
    },
    strays: () => [...deliveries.keys()],
    close: () => connection.close()
  }
}
