import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGatewayHouse, type GatewayHouse } from '../../test/drills/_gateway-house.ts'
import { NODE_OPTIONS } from '../../test/support/house.ts'
import { percentile } from '../../test/support/load.ts'
import { freePort, run, waitFor } from '../../test/support/process.ts'
import { runBench, type Running } from './_bench.ts'
import { closedLoop, toLetter, type Letter } from './_closed-loop.ts'
import { withConnection } from './_errand.ts'

/** Whoever answers requests, as a process of its own. */
interface Contender {
  name: string
  port: number
  /** What is sent in a round that may need so many requests. */
  letters: (count: number) => Letter[]
}

const NO_BROKER = 'Fastify without a broker'
const SERIAL = 'serialised confirms'
const BARE = 'a bare handler, one confirm a request'
const WITH_KEY = 'the gateway, API key'
const WITH_ALL = 'the gateway, HMAC + rate limit + duplicates'

/** More than any of them answers a second here; letters that are used up are sent again, as copies. */
const MAX_PER_SECOND = 25_000
const WARM_MS = 1_000
/** Until a process runs as fast as it will: what it does has been compiled. */
const FIRST_WARM_MS = 3_000
/** For the broker to be done with what it was told in the round before. */
const SETTLE_MS = 500
const BODIES = 256

const bodyOf = (id: number, bytes: number): string => {
  const record = {
    id: `b-${id}`,
    transaction: 'sale',
    price: { amount: 185_000, currency: 'EUR' },
    texts: ''
  }
  record.texts = 'x'.repeat(Math.max(0, bytes - JSON.stringify(record).length))
  return JSON.stringify(record)
}

const startBare = async (
  { rabbit, topology }: GatewayHouse,
  cleanup: Running<string>['cleanup'],
  mode: 'none' | 'serial' | 'confirm'
): Promise<number> => {
  const port = await freePort()
  const server = run(
    process.execPath,
    ['bench/src/_bare-server.ts', mode, String(port), rabbit.url, topology.exchanges.records],
    { env: { NODE_OPTIONS } }
  )
  cleanup(() => server.stop())
  await waitFor(`the bare server (${mode}) to start`, () =>
    server.lines().some(({ msg }) => msg === 'started')
  )
  return port
}

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'rounds' | 'seconds' | 'connections' | 'bytes'>): Promise<void> => {
  const house = await createGatewayHouse({ cleanup })
  const key = await house.addKeySource({ slug: 'key' })
  const signed = await house.addSignedSource({ slug: 'all', rateLimit: 2_000_000_000 })
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  cleanup(() => rm(folder, { recursive: true, force: true }))
  // To a file, as an operator's log driver has it: whoever sends is not to be kept from it by reading the log as well.
  const gateway = await house.startGateway({ logFile: join(folder, 'gateway.log') })
  const port = Number(new URL(gateway.url).port)
  const bodies = Array.from({ length: BODIES }, (_, id) => bodyOf(id, sizes.bytes))
  const alike =
    (path: string, headers: Readonly<Record<string, string>> = {}): Contender['letters'] =>
    () =>
      bodies.map((body) => toLetter(path, headers, body))

  const contenders: readonly Contender[] = [
    { name: NO_BROKER, port: await startBare(house, cleanup, 'none'), letters: alike('/webhooks/bare') },
    { name: SERIAL, port: await startBare(house, cleanup, 'serial'), letters: alike('/webhooks/bare') },
    { name: BARE, port: await startBare(house, cleanup, 'confirm'), letters: alike('/webhooks/bare') },
    { name: WITH_KEY, port, letters: alike('/webhooks/key', key) },
    {
      name: WITH_ALL,
      port,
      letters: (count) =>
        Array.from({ length: count }, (_, index) => {
          const body = bodies[index % BODIES] ?? ''
          return toLetter('/webhooks/all', signed.sign(randomUUID(), body), body)
        })
    }
  ]

  /** On an empty queue, for what is already in it slows the broker down. */
  const roundOf = async ({ port: at, letters }: Contender, warmMs: number, measureMs: number) => {
    const { webhook } = house.topology.queues
    await withConnection(house.rabbit.url, (channel) => channel.purgeQueue(webhook))
    const ready = letters((MAX_PER_SECOND * (warmMs + measureMs)) / 1_000)
    await sleep(SETTLE_MS)
    let sent = 0
    const next = (): Letter => ready[sent++ % ready.length] as Letter
    return await closedLoop(at, next, { connections: sizes.connections, warmMs, measureMs })
  }

  for (const contender of contenders) await roundOf(contender, FIRST_WARM_MS, 0)
  note(
    `${sizes.connections} connections, bodies of ${sizes.bytes} bytes, into a quorum queue nobody consumes`
  )
  for (let round = 1; round <= sizes.rounds; round++) {
    // There and back: what a round leaves behind is not always in the same one's way.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      const { perSecond, times, others } = await roundOf(contender, WARM_MS, sizes.seconds * 1_000)
      sample(contender.name, 'requests/s', perSecond)
      sample(contender.name, 'p50 ms', percentile(times, 0.5))
      sample(contender.name, 'p99 ms', percentile(times, 0.99))
      sample(contender.name, 'not 202', others)
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(WITH_KEY, BARE, 'requests/s', 0.8)
  goal(WITH_ALL, BARE, 'requests/s', 0.65)
}

await runBench({
  name: 'gateway',
  about: 'what is left of a bare confirmed handler when everything of the gateway is on',
  sizes: {
    rounds: { about: 'how often each is measured', fallback: 5, min: 1, max: 50 },
    seconds: { about: 'how long each is measured a round', fallback: 5, min: 1, max: 60 },
    connections: { about: 'requests under way at once', fallback: 50, min: 1, max: 1_000 },
    bytes: { about: 'size of a body', fallback: 2_048, min: 256, max: 1_000_000 }
  },
  run: measure
})
