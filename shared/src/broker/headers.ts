/**
 * What RabbitMQ itself writes into a message's headers. A copy that carries them is misread: 3.10–3.13 take a
 * client's `x-death` for their own history and silently drop the message as a cycle.
 */
const BROKER_HEADER = /^x-(death|first-death-.+|last-death-.+|delivery-count|acquired-count|opt-.+)$/

/** The headers without the broker's own; call it on every re-publish (retry, quarantine, dead letter, replay). */
export const withoutBrokerHeaders = <T>(headers: Readonly<Record<string, T>> = {}): Record<string, T> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !BROKER_HEADER.test(name)))
