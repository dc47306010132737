import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { loadCopy } from '@sluice/examples/offer-copy'
import { streamPosition } from '@sluice/prisma/tables/offer-stream'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { ROOT, run, waitFor, type Running as Process } from '../support/process.ts'
import { flat, type Workshop } from '../support/workshop.ts'
import { runDrill, type Running } from './_drill.ts'
import { createWorkerHouse, SABOTAGE } from './_worker-house.ts'

const OFFERS = 200
const QUEUE = 'offer-copy'
const WORKERS = 2

/** A life of the consumer: somewhere between its start and a moment of peace. */
const LIFE_MS = { least: 300, most: 1_800 }
const between = ({ least, most }: { least: number; most: number }): number =>
  least + Math.random() * (most - least)

const streamConsumer = async (drill: Running): Promise<void> => {
  const { shop, rabbit } = await createWorkerHouse(drill)
  const folder = await mkdtemp(join(tmpdir(), 'sluice-copy-'))
  drill.cleanup(() => rm(folder, { recursive: true }))
  const file = join(folder, 'offers.json')
  const startConsumer = (): Process => {
    const preload = drill.isSabotaged ? ['--import', SABOTAGE.positionFirst] : []
    const args = [...preload, '--import', './shared/src/instrument.ts', 'examples/src/offer-copy/main.ts']
    const env = { ...shop.env, COPY_FILE: file, COPY_QUEUE: QUEUE }
    const consumer = run(process.execPath, args, { cwd: ROOT, env })
    drill.cleanup(() => consumer.stop(1_000))
    return consumer
  }
  const position = () => streamPosition(shop.database.db.sql)
  /** How much of the stream the copy does not have yet. */
  const behind = async (): Promise<number> => (await position()).lastSeq - (await loadCopy(file)).position

  let workers = await Promise.all(Array.from({ length: WORKERS }, () => shop.startProcess()))
  const over = new AbortController()
  const selling = sell(shop, drill.setting('rate'), over.signal)

  const kills = drill.setting('kills')
  let whileBehind = 0
  let consumer = startConsumer()
  for (let kill = 1; kill <= kills; kill++) {
    await sleep(between(LIFE_MS))
    if ((await behind()) > 0) whileBehind += 1
    consumer.signal('SIGKILL')
    await consumer.exit
    if (kill === Math.ceil(kills / 3)) {
      await shop.broker.deleteQueue(`${shop.env['SLUICE_NAMESPACE']}.${QUEUE}`).catch(() => undefined) // not made yet
      drill.injected('the queue of the consumer deleted while it was away')
    }
    if (kill === Math.ceil(kills / 2)) {
      for (const worker of workers) worker.signal('SIGKILL')
      workers = await Promise.all(workers.map(() => shop.startProcess()))
      drill.injected(`both workers killed, the relay with them, at ${(await position()).publishedSeq}`)
    }
    if (kill === Math.ceil((2 * kills) / 3)) {
      await rabbit.kill()
      await rabbit.start()
      drill.injected(`RabbitMQ killed and started again, at ${(await position()).publishedSeq}`)
    }
    consumer = startConsumer()
  }
  drill.injected(`the consumer killed ${kills} times, ${whileBehind} times while it was behind`)
  over.abort()
  const sent = await selling
  const { lastSeq } = await waitFor(
    'every record to be settled and the stream to be published',
    async () => {
      const settled = Object.keys(await shop.outcomes()).length
      const at = await position()
      return settled >= sent && !at.hasUnnumbered && at.publishedSeq === at.lastSeq ? at : undefined
    },
    { timeoutMs: 60_000, everyMs: 200 }
  )
  const reached = await waitFor('the consumer to catch up', async () => (await behind()) === 0).catch(
    () => false // what it lacks is the finding
  )
  const stopped = await consumer.stop()
  drill.held(
    'the fault bit: it was killed while it was behind',
    whileBehind > 0,
    `${whileBehind} of ${kills}`
  )
  drill.held('it reaches the end of the stream', reached, `${await behind()} behind ${lastSeq}`)
  drill.held('and stops when asked', stopped.code === 0, `exit ${stopped.code ?? stopped.signal}`)

  const copied = await loadCopy(file)
  const stored = await shop.query<{ id: string; revision: number; content: object }>(
    `SELECT external_id AS id, revision, content FROM offers WHERE state <> 'incomplete'`
  )
  const wrong = stored.filter(({ id, revision, content }) => {
    const copy = copied.offers.get(`costa ${id}`)
    return copy?.revision !== revision || !isDeepStrictEqual(copy.units, content)
  })
  drill.held(
    'its copy is exactly the offers of the database',
    stored.length > 0 && stored.length === copied.offers.size && wrong.length === 0,
    `${copied.offers.size} of ${stored.length} offers, ${wrong.length} wrong; ${sent} records, ${lastSeq} changes`
  )
  const [gaps] = await shop.query<{ count: number }>(
    `SELECT (max(seq) - count(*))::int AS count FROM offer_history`
  )
  drill.held('the stream has no gap', gaps?.count === 0, `${gaps?.count ?? '?'} missing of ${lastSeq}`)
}

/** Sends records of a few offers until told to stop: new ones, prices, rooms, withdrawals and returns. */
const sell = async (shop: Workshop, rate: number, until: AbortSignal): Promise<number> => {
  const startedAt = performance.now()
  let sent = 0
  while (!until.aborted) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * rate)
    const messages = Array.from({ length: Math.min(500, due - sent) }, (_, n) => recordOf(shop, sent + n))
    await untilSent(shop, messages)
    sent += messages.length
    await sleep(20)
  }
  return sent
}

/** The broker may be away for a moment; what arrives twice is one fact. */
const untilSent = async (shop: Workshop, messages: readonly OutgoingMessage[]): Promise<void> => {
  for (let attempts = 1; ; attempts++) {
    try {
      return await shop.send(...messages)
    } catch (thrown) {
      if (attempts === 20) throw thrown
      await sleep(500)
    }
  }
}

const recordOf = (shop: Workshop, n: number): OutgoingMessage => {
  const id = `o${Math.floor(Math.random() * OFFERS)}`
  const draw = Math.random()
  const record =
    draw < 0.3
      ? flat(id, 100_000 + n)
      : draw < 0.6
        ? { id, change: 'patch', price: { amount: 100_000 + n, currency: 'EUR', period: 'total' } }
        : draw < 0.9
          ? { id, change: 'patch', rooms: { bedrooms: 1 + (n % 5), bathrooms: 1 + (n % 3) } }
          : { id, change: 'withdraw' }
  return shop.hook(`n.${n}`, record, n)
}

await runDrill({
  name: 'stream-consumer',
  about:
    'a consumer of the stream out is killed and restarted at random, and ends with exactly the offers there are',
  sabotage: 'its place in the stream is written before the change is applied',
  settings: { kills: 15, rate: 150 },
  run: streamConsumer
})
