import { setTimeout as sleep } from 'node:timers/promises'
import { flat, sumOf } from '../support/workshop.ts'
import { run, waitFor, type Running as Process } from '../support/process.ts'
import { runDrill, type Running } from './_drill.ts'
import { createWorkerHouse, FAULT, SABOTAGE, type WorkerHouse } from './_worker-house.ts'

const STORED_WITHIN_MS = 120_000
/** So long without a letter marked, the replay is stuck in what it sends. */
const STUCK_MS = 700

const replay = async (drill: Running): Promise<void> => {
  const at = await createWorkerHouse(drill)
  const { shop, rabbit, count } = at
  const letters = drill.setting('letters')
  const rate = drill.setting('rate')
  const chunk = Math.min(100, Math.ceil(rate / 10))

  const buggy = await shop.startProcess({}, [FAULT.buggyMapping])
  const sent = Array.from({ length: letters }, (_, index) =>
    shop.hook(`r.${index}`, flat(`r${index}`, index + 1), 10, { attempt: 5 })
  )
  await shop.send(...sent)
  const stored = (): Promise<number> => count('FROM dead_letters')
  await waitFor(`${letters} dead letters`, async () => (await stored()) === letters, {
    timeoutMs: STORED_WITHIN_MS,
    everyMs: 200
  })
  await buggy.stop()
  drill.injected(
    `a worker with a bug: ${await stored()} records became dead letters, ${await count('FROM offers')} offers`
  )
  const worker = await shop.startProcess()

  const marked = (): Promise<number> => count('FROM dead_letters WHERE replayed_at IS NOT NULL')
  const begin = (): Process => command(at, rate, drill.isSabotaged)
  const reaches = (share: number): Promise<unknown> =>
    waitFor(`${share * 100} % to be replayed`, async () => (await marked()) >= letters * share, {
      timeoutMs: STORED_WITHIN_MS,
      everyMs: 20
    })

  const first = begin()
  await reaches(0.25)
  first.signal('SIGINT')
  const { code } = await first.exit
  const afterFirst = await marked()
  drill.injected(`SIGINT after ${afterFirst} letters`)
  drill.held(
    'Ctrl-C stops it with 130, and it says what is left',
    code === 130 && first.output().includes('still to replay'),
    `${code}: ${lastLine(first)}`
  )

  const second = begin()
  await reaches(0.5)
  await rabbit.freeze()
  await stands(marked)
  second.signal('SIGKILL')
  await second.exit
  await rabbit.kill()
  drill.injected(
    `RabbitMQ stopped answering, then the replay and RabbitMQ killed with SIGKILL, after ${await marked()} letters`
  )
  await rabbit.start()

  const third = begin()
  await reaches(0.75)
  third.signal('SIGKILL')
  await third.exit
  drill.injected(`the replay killed with SIGKILL after ${await marked()} letters`)

  const last = begin()
  const end = await last.exit
  drill.held('the last run ends with 0', end.code === 0, `${end.code}: ${lastLine(last)}`)
  const open = await count('FROM dead_letters WHERE replayed_at IS NULL')
  drill.held('no letter is open', open === 0, open)
  const acts = await count('FROM dead_letter_acts')
  drill.held('each is marked once', acts === letters, acts)

  const applied = (): Promise<number> => count(`FROM offers WHERE state = 'active'`)
  await waitFor('every letter to be applied', async () => (await applied()) === letters, {
    timeoutMs: 30_000,
    everyMs: 200
  }).catch(() => undefined) // how many are missing is the finding
  await waitFor(
    'the queue to be empty',
    async () => (await shop.broker.count(shop.broker.topology.queues.webhook)) === 0
  )
  drill.held('none is lost', (await applied()) === letters, `${await applied()} of ${letters} applied`)
  const changes = await count('FROM offer_changes')
  const twice = await count('FROM offers WHERE revision <> 1')
  drill.held(
    'no content change is applied twice',
    changes === letters && twice === 0,
    `${changes} changes, ${twice} offers changed again`
  )
  await worker.stop()
  const extra = sumOf('size', worker) - sumOf('redelivered', worker) - letters
  drill.held(
    'only what was under way at a kill is sent twice',
    extra <= 2 * chunk,
    `${extra} of at most ${2 * chunk}`
  )
  const [busiest] = await shop.query<{ most: number }>(`
    SELECT max(n)::int AS most FROM (SELECT count(*) OVER (
      ORDER BY at RANGE BETWEEN interval '999 milliseconds' PRECEDING AND CURRENT ROW) AS n FROM dead_letter_acts) w`)
  drill.held(
    `never more than ${rate} in a second, and the chunk it begins with`,
    (busiest?.most ?? 0) <= rate + chunk,
    busiest?.most ?? 0
  )
}

/** The program, as an operator runs it. */
const command = ({ shop }: WorkerHouse, rate: number, isSabotaged: boolean): Process =>
  run(
    process.execPath,
    [
      ...(isSabotaged ? ['--import', SABOTAGE.markEarly] : []),
      'cli/src/main.mjs',
      'dead-letters',
      'replay',
      '--all',
      '--rate',
      String(rate),
      '--reason',
      'the bug is mended'
    ],
    { env: shop.env }
  )

/** Waits until a count has not moved for a while. */
const stands = async (count: () => Promise<number>): Promise<void> => {
  for (let before = -1; ;) {
    const now = await count()
    if (now === before) return
    before = now
    await sleep(STUCK_MS)
  }
}

const lastLine = (process: Process): string => process.output().trim().split('\n').at(-1) ?? ''

await runDrill({
  name: 'replay',
  about: 'dead letters replayed at a capped rate, stopped and killed half-way: none lost, none applied twice',
  sabotage: 'a letter is marked before RabbitMQ has confirmed its copy',
  settings: { letters: 10_000, rate: 500 },
  run: replay
})
