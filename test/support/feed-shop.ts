import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDemoOffers, toKyero, type DemoOffer } from '@sluice/examples/costa-demo'
import { createLogger } from '@sluice/shared/log'
import { findRun, listRuns, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import {
  createSource,
  findSource,
  requestRun,
  type NewSource,
  type SourceRow
} from '@sluice/prisma/tables/sources'
import { findVendor } from '@sluice/prisma/tables/vendors'
import { createReporter } from '@sluice/shared/sentry'
import { loadSchedulerConfig } from '../../scheduler/src/config.ts'
import { createEgress } from '../../scheduler/src/fetch/egress.ts'
import { createRunFeed } from '../../scheduler/src/run-feed.ts'
import { startScheduler } from '../../scheduler/src/scheduler.ts'
import { createSpool } from '../../scheduler/src/spool.ts'
import { waitFor } from './process.ts'
import { createWorkshop, type Workshop } from './workshop.ts'

/** A workshop with a folder of feeds, a vendor's web server, and schedulers. */
export interface FeedShop extends Workshop {
  /** Settings of a scheduler here: quick, and with a spool of its own. */
  schedulerEnv: Record<string, string>
  startScheduler: (env?: Record<string, string>) => Promise<{ stop: () => Promise<void>; healthPort: number }>
  /** A Kyero feed of the vendor `costa`; not due until a run is asked for. */
  addFeed: (source: Partial<NewSource> & { address: string }) => Promise<SourceRow>
  /** Writes a file and returns its path. */
  write: (name: string, content: string | Buffer) => Promise<string>
  /** Serves what `answer` says under `/<name>` and returns the URL. */
  serve: (name: string, answer: RequestListener) => string
  /** One run in this process, now, without a scheduler that ticks. */
  runNow: (source: SourceRow) => Promise<FeedRunRow>
  /** Asks for a run and waits until it has ended. */
  runToEnd: (source: SourceRow) => Promise<FeedRunRow>
  /** The newest run of a feed once `condition` holds. */
  runWhen: (source: SourceRow, condition: (run: FeedRunRow) => boolean) => Promise<FeedRunRow>
  spooled: () => Promise<string[]>
}

export const kyero = (offers: readonly DemoOffer[]): string => [...toKyero(offers)].join('')
export const demoFeed = (count: number): string => kyero(createDemoOffers(count))

export const isOver = ({ state }: FeedRunRow): boolean => state !== 'reading' && state !== 'settling'

export const createFeedShop = async (): Promise<FeedShop> => {
  const shop = await createWorkshop()
  const folder = await mkdtemp(join(tmpdir(), 'sluice-feeds-'))
  const spool = join(folder, 'spool')
  const { sql } = shop.database.db
  const vendor = await findVendor(sql, 'costa')
  if (vendor === undefined) throw new Error('the workshop has no vendor')

  const answers = new Map<string, RequestListener>()
  const server = createServer((request, response) => {
    const answer = answers.get(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (answer === undefined) response.writeHead(404).end('nothing here')
    else answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const schedulerEnv = {
    ...shop.env,
    SCHEDULER_HEALTH_PORT: '0',
    SCHEDULER_TICK_SECONDS: '1',
    SCHEDULER_LEASE_MS: '5000',
    SCHEDULER_MAX_RUNS: '20',
    SCHEDULER_SPOOL_DIR: spool,
    SCHEDULER_EGRESS_ALLOW: '127.0.0.1',
    SCHEDULER_SPOOL_RESERVE_BYTES: '0',
    SCHEDULER_FETCH_ATTEMPTS: '2',
    SCHEDULER_FETCH_RETRY_MS: '10',
    SCHEDULER_UPLOAD_CHECK_MS: '100',
    SCHEDULER_FETCH_STALL_TIMEOUT_MS: '2000',
    SCHEDULER_FETCH_MAX_BYTES: '2000000'
  }
  const log = createLogger({ service: 'test', level: 'silent' })
  const running = new Set<() => Promise<void>>()
  const ticks = new Set<() => Promise<void>>()
  let feeds = 0

  const newest = async ({ slug }: SourceRow): Promise<FeedRunRow | undefined> =>
    (await listRuns(sql, { sourceSlug: slug, limit: 1 }))[0]

  const runWhen: FeedShop['runWhen'] = (source, condition) =>
    waitFor(`a run of ${source.slug}`, async () => {
      const run = await newest(source)
      return run !== undefined && condition(run) ? run : undefined
    })

  return {
    ...shop,
    schedulerEnv,
    startScheduler: async (env = {}) => {
      const { stoppers, healthPort, tick } = await startScheduler({
        config: loadSchedulerConfig({ ...schedulerEnv, ...env }),
        log,
        sink: undefined
      })
      const stop = async (): Promise<void> => {
        if (!running.delete(stop)) return
        ticks.delete(tick)
        for (const { stop: stopPart } of stoppers) await stopPart()
      }
      running.add(stop)
      ticks.add(tick)
      return { stop, healthPort }
    },
    addFeed: async (source) => {
      feeds += 1
      const made = await createSource(sql, {
        vendorId: vendor.id,
        slug: `kyero-${feeds}`,
        kind: 'feed',
        format: 'kyero',
        timeZone: 'Europe/Madrid',
        ...source
      })
      if (made === undefined) throw new Error('the slug is taken')
      return made
    },
    write: async (name, content) => {
      await writeFile(join(folder, name), content)
      return join(folder, name)
    },
    serve: (name, answer) => {
      answers.set(`/${name}`, answer)
      return `http://127.0.0.1:${port}/${name}`
    },
    runToEnd: async (source) => {
      const before = await newest(source)
      await requestRun(sql, source.id)
      await Promise.all([...ticks].map((tick) => tick())) // the next beat of its own may be a second away
      const { id } = await runWhen(source, (run) => run.id !== before?.id)
      return waitFor(`run ${id} to end`, async () => {
        const run = await findRun(sql, id)
        return run !== undefined && isOver(run) ? run : undefined
      })
    },
    runWhen,
    runNow: async (source) => {
      const config = loadSchedulerConfig({ ...schedulerEnv })
      const runFeed = createRunFeed({
        db: shop.database.db,
        publisher: shop.publisher,
        topology: shop.broker.topology,
        spool: await createSpool(spool, shop.broker.namespace, 0),
        egress: createEgress(config.SCHEDULER_EGRESS_ALLOW),
        sealing: undefined,
        reporter: createReporter({ sink: undefined, service: 'scheduler', log }),
        config,
        log
      })
      await requestRun(sql, source.id)
      const now = await findSource(sql, source.slug)
      if (now === undefined) throw new Error(`${source.slug} is gone`)
      await runFeed(now, new AbortController().signal)
      const run = await newest(source)
      if (run === undefined) throw new Error(`${source.slug} did not run`)
      return run
    },
    spooled: () => readdir(spool),
    remove: async () => {
      for (const stop of running) await stop()
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true })
      await shop.remove()
    }
  }
}
