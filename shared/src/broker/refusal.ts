import { ConfigError, toError } from '../errors.ts'

/**
 * When the broker says no for a reason that only a person can change. AMQP 0-9-1 reply codes, as RabbitMQ uses them:
 *
 * | code | meaning | ours |
 * |---|---|---|
 * | 403 ACCESS_REFUSED | wrong password, or no permission for this object | `BROKER_REFUSED` |
 * | 404 NOT_FOUND | no such queue or exchange | `TOPOLOGY_MISMATCH` |
 * | 406 PRECONDITION_FAILED | it exists with other arguments | `TOPOLOGY_MISMATCH` |
 * | 530 NOT_ALLOWED | no such virtual host, not for this user, or a limit of connections | `BROKER_REFUSED` |
 *
 * A virtual host that is down (541) is told from a 530 by nobody: amqplib keeps what the broker said to itself.
 */
const REFUSALS = new Set([403, 404, 406, 530])

/** On a running channel a 406 is weather too: a consumer timeout, a message over the broker's size limit. */
const REFUSALS_WHILE_UP = new Set([403, 404])

/** The reply code of an error that came from the broker; amqplib gives no `code` to errors of the handshake. */
export const replyCodeOf = (error: Error): number | undefined => {
  if ('code' in error && typeof error.code === 'number') return error.code
  const [, code] = /^Handshake terminated by server: (\d{3})/.exec(error.message) ?? []
  if (code !== undefined) return Number(code)
  // The reply to opening a virtual host; its code and text are not in amqplib's error.
  return error.message.startsWith('Expected ConnectionOpenOk; got <ConnectionClose') ? 530 : undefined
}

/** Whether the error is a refusal; `wasUp` when it ended a connection that had been set up completely. */
export const isRefusal = (error: Error, wasUp = false): boolean => {
  const code = replyCodeOf(error)
  return code !== undefined && (wasUp ? REFUSALS_WHILE_UP : REFUSALS).has(code)
}

/** A refusal as the configuration error it is; `where` names the broker or the object, without secrets. */
export const toConfigError = (thrown: unknown, where: string): ConfigError => {
  const error = toError(thrown)
  const code = replyCodeOf(error)
  const said = replyTextOf(error)
  const [ours, advice] = ADVICE[code ?? 0] ?? ['BROKER_REFUSED', 'Check RABBITMQ_URL']
  return new ConfigError(ours, [`${where}: ${said}. ${advice}`], { cause: error })
}

/** What the broker said, without amqplib's frame around it. */
export const replyTextOf = (error: Error): string => {
  if (replyCodeOf(error) === 530 && !error.message.includes('with message')) {
    return 'the virtual host does not exist, is down, has all the connections it may have, or is not open to this user'
  }
  const [, text] = /with message "(.*)"$/s.exec(error.message) ?? []
  return (text ?? error.message).replace(/^[A-Z_]+ - /, '').replace(/\.$/, '')
}

const ADVICE: Readonly<Record<number, readonly [code: string, advice: string]>> = {
  403: ['BROKER_REFUSED', 'Check user, password and permissions in RABBITMQ_URL'],
  404: ['TOPOLOGY_MISMATCH', 'Apply the topology: sluice topology apply'],
  406: [
    'TOPOLOGY_MISMATCH',
    'Arguments are immutable: drain and delete the old one, or give the new one a new .vN'
  ],
  530: ['BROKER_REFUSED', 'Check the virtual host (the path) in RABBITMQ_URL']
}
