import type { FastifyInstance } from 'fastify'
import type { Admit, DoorRoute } from '../admit.ts'
import type { DeliveryStatus, FindDelivery } from '../deliveries.ts'
import { Refusal } from '../errors.ts'
import { DELIVERY_MS } from '../limits.ts'
import '../request-facts.ts'
import { DELIVERY_SCHEMA } from '../schemas.ts'
import { bounded } from '@sluice/shared/bounded'

export interface DeliveryDeps {
  admit: Admit
  findDelivery: FindDelivery
}

interface DeliveryRoute extends DoorRoute {
  Params: { source: string; id: string }
}

/** `GET /webhooks/:source/deliveries/:id`: the vendor sees what became of what it sent, with its own credentials. */
export const registerDeliveries = (app: FastifyInstance, { admit, findDelivery }: DeliveryDeps): void => {
  app.get<DeliveryRoute>(
    '/webhooks/:source/deliveries/:id',
    { schema: DELIVERY_SCHEMA },
    async (request, reply): Promise<DeliveryStatus> => {
      const { source } = await admit(request, reply)
      const { id } = request.params
      const delivery = await find(() => findDelivery(id, source.id))
      if (delivery === undefined) {
        throw new Refusal(
          'DELIVERY_UNKNOWN',
          'This source has no delivery of this id; ask with the id of a 202, within 30 days.'
        )
      }
      reply.header('cache-control', 'no-store')
      return delivery
    }
  )
}

const find = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await bounded(work(), DELIVERY_MS, 'looking up the delivery')
  } catch (cause) {
    throw new Refusal(
      'DELIVERIES_UNAVAILABLE',
      'Deliveries cannot be looked up right now. Ask again later; nothing is lost.',
      { cause }
    )
  }
}
