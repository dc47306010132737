import { setTimeout as sleep } from 'node:timers/promises'
import { runDrills } from './_drill.ts'
import { startStopwatch } from './_stopwatch.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { percentile } from '../support/load.ts'
import { waitFor } from '../support/process.ts'
import { sumOf } from '../support/workshop.ts'

/** Redis is faster, never truer: workers without it (research: fault 24). */

const NEEDY = { what: 'a worker cannot do without Redis', preload: 'demandRedis' } as const
/** A call to Redis is given up after 50 ms, and a batch makes a handful; the rest is the machine's, with it or without. */
const slowest = (usualMs: number): number => 3 * usualMs + 1_000
const PER_SECOND = 20
const USUAL_MS = 8_000
const PATIENCE_MS = 60_000

/** Every webhook of the stopwatch has a place nobody knows yet, so that Redis is asked again and again. */
const without = async (
  scene: Scene,
  how: string,
  { begin, end }: { begin: () => unknown; end: () => unknown }
): Promise<void> => {
  const { drill, shop, workers, startWorker, alsoJudge, said, bit } = scene
  const before = sumOf('retried', ...workers)
  const witnesses = [...workers]
  const allSaid = (message: string): boolean =>
    witnesses.every((worker) => worker.lines().some(({ msg }) => msg === message))
  const usual = startStopwatch(shop, { perSecond: PER_SECOND, name: 'usual' })
  await sleep(USUAL_MS)
  const withIt = await usual.end(PATIENCE_MS)
  alsoJudge(withIt.sent)
  await begin()
  const startedAt = performance.now()
  const watch = startStopwatch(shop, { perSecond: PER_SECOND })
  const hasNoticed = (): boolean => allSaid('redis is away, continuing without it')
  await waitFor('every worker to notice', hasNoticed).catch(() => undefined)
  await startWorker()
  await sleep(Math.max(0, drill.setting('seconds') * 1_000 - (performance.now() - startedAt)))
  const { sent, tookMs } = await watch.end(PATIENCE_MS)
  alsoJudge(sent)
  await end()
  bit(`${how} for ${drill.setting('seconds')} s while ${sent.length} webhooks came`, hasNoticed())
  const [before99, p99] = [percentile(withIt.tookMs, 0.99), percentile(tookMs, 0.99)]
  drill.held(
    'webhooks take three times as long at most, and a second',
    p99 <= slowest(before99),
    `99 of 100 within ${p99.toFixed(0)} ms, with it ${before99.toFixed(0)} ms`
  )
  const codes = said('message failed, sent up the ladder').filter(({ code }) => code === 'REDIS_AWAY')
  drill.held(
    'no record took the ladder because of Redis',
    codes.length === 0,
    `${codes.length}; ${sumOf('retried', ...workers) - before} stumbled meanwhile`
  )
  const isBack = (): boolean => allSaid('redis is back')
  const back = await waitFor('every worker to be back', isBack).catch(() => false)
  drill.held('every worker has it again', back, String(back))
}

const faults: readonly WorkerFault[] = [
  {
    name: 'away',
    about: 'Redis is stopped under load, a worker starts without it, and it is started again',
    sabotage: NEEDY,
    rate: 50,
    settings: { seconds: 15 },
    inject: (scene) => without(scene, 'stopped', { begin: scene.redis.stop, end: scene.redis.start })
  },
  {
    name: 'frozen',
    about: 'Redis is frozen under load: it takes connections and answers nothing',
    sabotage: NEEDY,
    rate: 50,
    settings: { seconds: 15 },
    inject: (scene) =>
      without(scene, 'frozen', {
        begin: () => scene.redis.signal('SIGSTOP'),
        end: () => scene.redis.signal('SIGCONT')
      })
  }
]

await runDrills(
  { name: 'worker-redis', about: 'workers under load without Redis' },
  faults.map((fault) => drillOf('worker-redis', fault))
)
