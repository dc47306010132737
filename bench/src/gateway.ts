import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { withConnection } from './_errand.ts'
import { closedLoop, type Round } from './_closed-loop.ts'
import { createGatewayHouse, type GatewayHouse } from '../../test/drills/_gateway-house.ts'
import { percentile } from '../../test/support/load.ts'
import { freePort, run, waitFor } from '../../test/support/process.ts'

/** `pnpm bench gateway`: how much of what a broker's confirm allows is left when everything of the gateway is on. */

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' }
  }
})
const CONNECTIONS = 50
const BODY_BYTES = 2_048
const WARM_MS = 1_000
const BARE = 'a bare handler, one confirm a request'
const WITH_KEY = 'the gateway, API key'
const WITH_ALL = 'the gateway, HMAC + rate limit + duplicates'

interface Contender {
  name: string
  port: number
  next: () => { path: string; headers: Record<string, string>; body: string }
}

const body = (): string => {
  const record = {
    id: `b-${Math.floor(Math.random() * 1e6)}`,
    transaction: 'sale',
    price: { amount: 185_000, currency: 'EUR' },
    texts: ''
  }
  record.texts = 'x'.repeat(BODY_BYTES - JSON.stringify(record).length)
  return JSON.stringify(record)
}

const bare = async (at: GatewayHouse, name: string, mode: string): Promise<Contender> => {
  const port = await freePort()
  const server = run(process.execPath, [
    'bench/src/_bare-server.ts',
    mode,
    String(port),
    at.rabbit.url,
    at.topology.exchanges.records
  ])
  closers.unshift(() => server.stop())
  await waitFor(`${name} to start`, () => server.lines().some(({ msg }) => msg === 'started'))
  return { name, port, next: () => ({ path: '/webhooks/bare', headers: {}, body: body() }) }
}

const ours = async (at: GatewayHouse): Promise<Contender[]> => {
  const key = await at.addKeySource({ slug: 'key' })
  const signed = await at.addSignedSource({ slug: 'all', rateLimit: 2_000_000_000 })
  const gateway = await at.startGateway()
  const port = Number(new URL(gateway.url).port)
  const withAll = (): ReturnType<Contender['next']> => {
    const text = body()
    return { path: '/webhooks/all', headers: signed.sign(randomUUID(), text), body: text }
  }
  return [
    { name: WITH_KEY, port, next: () => ({ path: '/webhooks/key', headers: key, body: body() }) },
    { name: WITH_ALL, port, next: withAll }
  ]
}

const median = (samples: readonly number[]): number => percentile(samples, 0.5)

const closers: (() => unknown)[] = []
try {
  const at = await createGatewayHouse({ cleanup: (close) => void closers.unshift(close) })
  const contenders = [
    await bare(at, 'Fastify without a broker', 'none'),
    await bare(at, 'serialised confirms', 'serial'),
    await bare(at, BARE, 'confirm'),
    ...(await ours(at))
  ]
  const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const { name, port, next } of contenders) {
      await withConnection(at.rabbit.url, (channel) => channel.purgeQueue(at.topology.queues.webhook))
      const measureMs = Number(values.seconds) * 1_000
      rounds
        .get(name)
        ?.push(await closedLoop(port, next, { connections: CONNECTIONS, warmMs: WARM_MS, measureMs }))
    }
  }

  const ratios = (name: string): number[] =>
    (rounds.get(name) ?? []).map(
      ({ perSecond }, index) => perSecond / (rounds.get(BARE)?.[index]?.perSecond ?? Number.NaN)
    )
  console.table(
    contenders.map(({ name }) => {
      const mine = rounds.get(name) ?? []
      const times = mine.flatMap((round) => round.times)
      const others = mine
        .flatMap(({ statuses }) => Object.keys(statuses))
        .filter((status) => status !== '202')
      return {
        name,
        'requests/s': Math.round(median(mine.map(({ perSecond }) => perSecond))),
        'p50 ms': percentile(times, 0.5).toFixed(1),
        'p99 ms': percentile(times, 0.99).toFixed(1),
        'of bare': median(ratios(name)).toFixed(2),
        'other answers': [...new Set(others)].join(' ') || 'none'
      }
    })
  )
  const goals = [
    { name: WITH_KEY, goal: 0.8 },
    { name: WITH_ALL, goal: 0.65 }
  ].map(({ name, goal }) => {
    const measured = median(ratios(name))
    return { name: `${name}, of a bare confirmed handler`, goal, measured, met: measured >= goal }
  })
  for (const { name, goal, measured, met } of goals)
    console.log(`${met ? '✓' : '✗'} ${name}: ${measured.toFixed(2)}, goal ${goal}`)
  if (values.json !== undefined) {
    const rows = contenders.flatMap(({ name }) => [
      { name, unit: 'requests/s', samples: rounds.get(name)?.map(({ perSecond }) => perSecond) },
      { name, unit: 'ms', samples: rounds.get(name)?.map(({ times }) => times) }
    ])
    const machine = {
      cpu: cpus()[0]?.model,
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      node: process.version
    }
    await writeFile(values.json, `${JSON.stringify({ scenario: 'gateway', machine, rows, goals })}\n`)
  }
} finally {
  for (const close of closers) await close()
}
