import type { Channel, ChannelModel } from 'amqplib'
import { ConfigError, DependencyError, toError } from '../errors.ts'
import { withoutSecrets, type Logger } from '../log.ts'
import type { BindingSpec, ExchangeSpec, QueueSpec, Topology } from '../topology.ts'
import { bounded } from '../bounded.ts'
import { connectTo } from './connect.ts'
import { isRefusal, replyCodeOf, replyTextOf, toConfigError } from './refusal.ts'

export interface TopologyOptions {
  url: string
  topology: Topology
}

const STEP_TIMEOUT_MS = 30_000
const CLOSE_TIMEOUT_MS = 1_000
/** Quorum queues with message TTL and at-least-once dead-lettering came with 3.10. */
const OLDEST_VERSION = [3, 10] as const

/**
 * Declares every exchange, queue and binding, and takes away the bindings of earlier releases; does nothing where all is
 * as wanted.
 * @throws ConfigError `TOPOLOGY_MISMATCH` naming every queue and exchange that exists with other arguments, and which
 * @throws ConfigError `BROKER_REFUSED` when user, permissions or virtual host are wrong
 * @throws DependencyError `BROKER_DOWN` when the broker cannot be reached
 */
export const applyTopology = async ({
  url,
  topology,
  log
}: TopologyOptions & { log: Logger }): Promise<void> => {
  const problems = await onBroker(url, async (attempt) => [
    ...(await inTurn(topology.exchangeSpecs, (spec) => attempt(exchangeNamed(spec), declareExchange(spec)))),
    ...(await inTurn(topology.queueSpecs, (spec) => attempt(queueNamed(spec), declareQueue(spec)))),
    ...(await inTurn(topology.bindingSpecs, (spec) => attempt(bindingNamed(spec), bind(spec)))),
    ...(await inTurn(topology.obsoleteBindingSpecs, (spec) => attempt(bindingNamed(spec), unbind(spec))))
  ])
  if (problems.length > 0) throw new ConfigError('TOPOLOGY_MISMATCH', problems)
  const { namespace, exchangeSpecs, queueSpecs, bindingSpecs } = topology
  const counts = {
    exchanges: exchangeSpecs.length,
    queues: queueSpecs.length,
    bindings: bindingSpecs.length
  }
  log.info({ namespace, ...counts }, 'topology applied')
}

/**
 * What is missing or different, one sentence each; empty when all is as wanted. Creates nothing.
 *
 * Three things AMQP does not tell a client, so nobody can verify them here: bindings (a missing one shows as
 * `PUBLISH_RETURNED`, because every publish is mandatory), policies, and the broker's consumer timeout. The last
 * must be at least 15 minutes (RabbitMQ's default is 30), as `docs/operations.md` says; the consumer recovers
 * from a shorter one, at the price of a redelivery.
 */
export const verifyTopology = ({ url, topology }: TopologyOptions): Promise<string[]> =>
  onBroker(url, async (attempt, connection) => [
    ...versionProblems(connection),
    ...(await inTurn(topology.exchangeSpecs, (spec) =>
      attempt(exchangeNamed(spec), async (channel) => {
        await channel.checkExchange(spec.name)
        await declareExchange(spec)(channel) // exists: only compares
      })
    )),
    ...(await inTurn(topology.queueSpecs, (spec) =>
      attempt(queueNamed(spec), async (channel) => {
        await channel.checkQueue(spec.name)
        await declareQueue(spec)(channel)
      })
    ))
  ])

const WAY_OUT =
  'run "sluice topology apply"; a queue with other arguments: drain and delete it before, or give the new one a new .vN'

/**
 * For the start of a service: a topology that is not as wanted is a mistake of the deployment; a broker that is away
 * is none, it will come.
 * @throws ConfigError `TOPOLOGY_MISMATCH`, `BROKER_REFUSED`
 */
export const assertTopology = async ({
  log,
  ...options
}: TopologyOptions & { log: Logger }): Promise<void> => {
  try {
    const problems = await verifyTopology(options)
    if (problems.length > 0) throw new ConfigError('TOPOLOGY_MISMATCH', [...problems, WAY_OUT])
  } catch (thrown) {
    if (!(thrown instanceof DependencyError)) throw thrown
    log.warn({ err: thrown }, 'topology not verified, rabbitmq is away')
  }
}

type Step = (channel: Channel) => Promise<unknown>

/** Runs one step; what the broker refuses is a problem in words, anything else is thrown. */
type Attempt = (what: string, step: Step) => Promise<string[]>

/** Runs `work` on a connection of its own; a refused step costs a channel, so each gets a fresh one if need be. */
const onBroker = async (
  url: string,
  work: (attempt: Attempt, connection: ChannelModel) => Promise<string[]>
): Promise<string[]> => {
  const socket = new AbortController()
  const connection = await connectOrExplain(url, socket.signal)
  connection.on('error', () => undefined) // whatever is running is rejected with it
  let channel: Channel | undefined
  const attempt: Attempt = async (what, step) => {
    try {
      channel ??= await openChannel(connection)
      await bounded(step(channel), STEP_TIMEOUT_MS, what)
      return []
    } catch (thrown) {
      channel = undefined
      const error = toError(thrown)
      if (!isRefusal(error)) throw down(url, error)
      return [`${what} ${differenceIn(error)}`]
    }
  }
  try {
    return await work(attempt, connection)
  } finally {
    await bounded(connection.close(), CLOSE_TIMEOUT_MS, 'closing').catch(() => socket.abort())
  }
}

const openChannel = async (connection: ChannelModel): Promise<Channel> => {
  const channel = await bounded(connection.createChannel(), STEP_TIMEOUT_MS, 'opening a channel')
  channel.on('error', () => undefined) // the step that caused it is rejected with it
  return channel
}

const connectOrExplain = async (url: string, signal: AbortSignal): Promise<ChannelModel> => {
  try {
    return await connectTo(url, 'sluice.topology', signal)
  } catch (thrown) {
    const error = toError(thrown)
    throw isRefusal(error) ? toConfigError(error, `RabbitMQ at ${withoutSecrets(url)}`) : down(url, error)
  }
}

const down = (url: string, cause: Error): DependencyError =>
  new DependencyError('rabbitmq', 'BROKER_DOWN', `RabbitMQ at ${withoutSecrets(url)} does not answer`, {
    cause
  })

const declareExchange =
  ({ name, type }: ExchangeSpec): Step =>
  (channel) =>
    channel.assertExchange(name, type, { durable: true })

const declareQueue =
  (spec: QueueSpec): Step =>
  (channel) =>
    channel.assertQueue(spec.name, { durable: true, arguments: { ...spec.arguments } })

const bind =
  ({ queue, exchange, routingKey }: BindingSpec): Step =>
  (channel) =>
    channel.bindQueue(queue, exchange, routingKey)

const unbind =
  ({ queue, exchange, routingKey }: BindingSpec): Step =>
  (channel) =>
    channel.unbindQueue(queue, exchange, routingKey)

const exchangeNamed = ({ name }: ExchangeSpec): string => `exchange ${name}`
const queueNamed = ({ name }: QueueSpec): string => `queue ${name}`
const bindingNamed = ({ queue, exchange, routingKey }: BindingSpec): string =>
  `binding of ${queue} to ${exchange} by "${routingKey}"`

/** `inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received '20' but current is '10'`, rephrased. */
const differenceIn = (error: Error): string => {
  const said = replyTextOf(error)
  const [, argument, wanted, found] =
    /inequivalent arg '([^']+)'.*?: received (.+?) but current is (.+)$/s.exec(said) ?? []
  if (argument !== undefined) {
    return `exists with other arguments: ${argument} is ${found ?? '?'}, wanted ${wanted ?? '?'}`
  }
  return replyCodeOf(error) === 404 ? `is missing (${said})` : `is refused: ${said}`
}

const versionProblems = ({ connection }: ChannelModel): string[] => {
  const { version } = connection.serverProperties
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_VERSION
  const isOldEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
  return isOldEnough ? [] : [`RabbitMQ ${version} is too old: ${OLDEST_VERSION.join('.')} or newer is needed`]
}

/** One after another: a channel answers one question at a time. */
const inTurn = async <T>(items: readonly T[], ask: (item: T) => Promise<string[]>): Promise<string[]> => {
  const answers: string[] = []
  for (const item of items) answers.push(...(await ask(item)))
  return answers
}
