import { setImmediate as tick } from 'node:timers/promises'
import { connect, type ConfirmChannel } from 'amqplib'
import { createPublisher, createSession, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { createTestBroker } from '../../test/support/broker.ts'
import { runBench, type Running } from './_bench.ts'

/** Publishes until the time is up, waits for what is under way, and says how many the broker has confirmed. */
type Publish = (message: () => OutgoingMessage, until: number) => Promise<number>

const LONE = 'amqplib, confirm by confirm'
const BARE = 'amqplib, 1,000 unconfirmed'
const WINDOWS = [1, 100, 1_000]
const nameOf = (window: number): string => `ours, window ${window.toLocaleString('en')}`

/** More than fit into the window, fewer than may stand in line. */
const callersOf = (window: number): number => (window === 1 ? 1 : Math.ceil(window * 1.5))

/** Ours: as many callers as a feed has records in hand, each waiting for its own confirm. */
const publishWith =
  (publisher: Publisher, callers: number): Publish =>
  async (message, until) => {
    let confirmed = 0
    const caller = async (): Promise<void> => {
      while (performance.now() < until) {
        await publisher.publish(message(), { wait: true })
        confirmed += 1
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
    return confirmed
  }

/** The driver by itself: no deadline, no returns, no recovery, nobody is told about his own message. */
const publishBare =
  (channel: ConfirmChannel, window: number): Publish =>
  async (message, until) => {
    let [confirmed, unconfirmed] = [0, 0]
    const problems: unknown[] = []
    const onConfirm = (problem: unknown): void => {
      unconfirmed -= 1
      if (problem === null || problem === undefined) confirmed += 1
      else problems.push(problem)
    }
    while (performance.now() < until && problems.length === 0) {
      while (unconfirmed < window) {
        const { exchange, routingKey, body, properties } = message()
        const options = { ...properties, persistent: true, mandatory: true }
        unconfirmed += 1
        channel.publish(exchange, routingKey, body, options, onConfirm)
      }
      if (window === 1) await channel.waitForConfirms()
      else await tick()
    }
    await channel.waitForConfirms()
    if (problems.length > 0) throw new Error('the broker refused a message', { cause: problems[0] })
    return confirmed
  }

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'seconds' | 'rounds' | 'bytes'>): Promise<void> => {
  const log = createLogger({ service: 'bench', level: 'silent' })
  const broker = await createTestBroker()
  cleanup(() => broker.remove())
  const session = createSession({ url: broker.url, name: 'bench.publish', log })
  cleanup(() => session.close())
  const publishers = WINDOWS.map((window) => ({
    window,
    publisher: createPublisher(session, { log, window })
  }))
  session.start()
  const connection = await connect(broker.url, { noDelay: true })
  cleanup(() => connection.close())
  const bare = await connection.createConfirmChannel()
  for (const { publisher } of publishers) {
    if (!(await publisher.whenReady(10_000))) throw new Error('the broker is not there')
  }

  const contenders: readonly (readonly [name: string, publish: Publish])[] = [
    [LONE, publishBare(bare, 1)],
    ...publishers.map(
      ({ window, publisher }) => [nameOf(window), publishWith(publisher, callersOf(window))] as const
    ),
    [BARE, publishBare(bare, 1_000)]
  ]
  const body = Buffer.alloc(sizes.bytes, 'x')
  let sent = 0
  const message = (): OutgoingMessage => {
    sent += 1
    return { ...broker.message(sent, 'feed.bench'), body }
  }
  /** Into an empty queue, for what is already in it slows the broker down. */
  const run = async (publish: Publish, ms: number): Promise<number> => {
    await broker.purge(broker.topology.queues.feed)
    const startedAt = performance.now()
    const confirmed = await publish(message, startedAt + ms)
    return (confirmed * 1_000) / (performance.now() - startedAt)
  }

  for (const [, publish] of contenders) await run(publish, 300) // warms up
  note(`persistent messages of ${sizes.bytes} bytes into a quorum queue`)
  for (let round = 1; round <= sizes.rounds; round++) {
    for (const [name, publish] of contenders) {
      sample(name, 'confirmed/s', await run(publish, sizes.seconds * 1_000))
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(nameOf(1_000), nameOf(1), 'confirmed/s', 5)
  goal(nameOf(1_000), BARE, 'confirmed/s', 0.8)
}

await runBench({
  name: 'publish',
  about:
    'persistent, mandatory, confirmed: our publisher with windows of 1, 100 and 1,000, and the bare driver',
  sizes: {
    seconds: { about: 'how long each publishes a round', fallback: 2, min: 1, max: 30 },
    rounds: { about: 'how often each publishes', fallback: 4, min: 1, max: 20 },
    bytes: { about: 'size of a message', fallback: 1_024, min: 1, max: 1_000_000 }
  },
  run: measure
})
