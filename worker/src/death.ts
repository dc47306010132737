import type { Delivery } from '@sluice/shared/broker'
import { brokerFaultOf, faultOf, type Fault } from '@sluice/shared/fault'

/** With which a letter that could not be stored waits: what stops it is a bug or a setting, so minutes, not seconds. */
export const POSTPONED_KEY = '10m.dead'

/**
 * Why a message among the dead died. The broker's word is the newer one, because our own copies leave without its
 * headers; but of a letter that was postponed it only says that the wait is over.
 */
export const deathOf = ({
  routingKey,
  properties: { headers }
}: Pick<Delivery, 'routingKey' | 'properties'>): Fault | undefined =>
  (routingKey === POSTPONED_KEY ? undefined : brokerFaultOf(headers)) ?? faultOf(headers)
