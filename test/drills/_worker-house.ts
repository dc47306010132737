import { createDb } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { startPrivateServices, type PrivateServices } from '../support/private-services.ts'
import { run, type Running as Process } from '../support/process.ts'
import type { PrivateRabbitOptions } from '../support/rabbit.ts'
import { createSilenceable, type Silenceable } from '../support/silenceable.ts'
import { createWorkshop, type Workshop } from '../support/workshop.ts'
import type { Running } from './_drill.ts'

/** A worker's surroundings on private services: everything in it may be stopped, killed and frozen. */
export interface WorkerHouse extends PrivateServices {
  shop: Workshop
  /** The way everybody takes to RabbitMQ; absent unless it was asked for. */
  way: Silenceable | undefined
  /** RabbitMQ's HTTP API; empty without `management`. */
  managementUrl: string
  /** One number that a statement counts. */
  count: (sql: string) => Promise<number>
}

export interface WorkerHouseOptions extends PrivateRabbitOptions {
  /** Everybody talks to RabbitMQ by a way that can be cut. */
  hasWay?: boolean
}

export const createWorkerHouse = async (
  drill: Pick<Running, 'cleanup'>,
  { hasWay = false, ...rabbitOptions }: WorkerHouseOptions = {}
): Promise<WorkerHouse> => {
  const { rabbit, postgres, redis } = await startPrivateServices(drill.cleanup, { rabbit: rabbitOptions })
  const way = hasWay ? await createSilenceable(rabbit.url) : undefined
  drill.cleanup(() => way?.close())
  const url = postgres.url.replace(/\/postgres$/, '/house')
  await migrate({ url })
  const db = createDb({ url, poolSize: 2, applicationName: 'drill' })
  const shop = await createWorkshop({
    database: { url, name: 'house', db, open: () => db, drop: () => db.close() },
    rabbitUrl: way?.url ?? rabbit.url,
    redisUrl: redis.url
  })
  drill.cleanup(() => shop.remove())
  return {
    shop,
    rabbit,
    postgres,
    redis,
    way,
    managementUrl: rabbit.managementUrl ?? '',
    count: async (sql) => {
      const [row] = await shop.query<{ count: number }>(`SELECT count(*)::int AS count ${sql}`)
      return row?.count ?? 0
    }
  }
}

/** A worker that may end before it could say that it has started: nobody waits for that, or for how it ends. */
export const spawnWorker = (env: Record<string, string>, preload: readonly string[]): Process =>
  run(
    process.execPath,
    [
      ...preload.flatMap((module) => ['--import', module]),
      '--import',
      './shared/src/instrument.ts',
      'worker/src/main.ts'
    ],
    { env }
  )

/** Faults that are loaded into a process before its own modules. */
export const FAULT = {
  ackTwice: new URL('sabotage/ack-twice.ts', import.meta.url).pathname,
  blockLoop: new URL('sabotage/block-loop.ts', import.meta.url).pathname,
  failpoint: new URL('../support/failpoint/index.ts', import.meta.url).pathname,
  buggyMapping: new URL('sabotage/buggy-mapping.ts', import.meta.url).pathname,
  deadlyRecord: new URL('sabotage/deadly-record.ts', import.meta.url).pathname,
  watched: new URL('../support/failpoint/watched.ts', import.meta.url).pathname,
  stumble: new URL('sabotage/stumble.ts', import.meta.url).pathname,
  vitals: new URL('../support/vitals.ts', import.meta.url).pathname
} as const

export const SABOTAGE = {
  markEarly: new URL('sabotage/mark-early.ts', import.meta.url).pathname,
  noQuarantine: new URL('sabotage/no-quarantine.ts', import.meta.url).pathname,
  ackEarly: new URL('sabotage/ack-early.ts', import.meta.url).pathname,
  credulousCopies: new URL('sabotage/credulous-copies.ts', import.meta.url).pathname,
  exitAtOnce: new URL('sabotage/exit-at-once.ts', import.meta.url).pathname,
  condemnBatch: new URL('sabotage/condemn-batch.ts', import.meta.url).pathname,
  guessRecords: new URL('sabotage/guess-records.ts', import.meta.url).pathname,
  noLadder: new URL('sabotage/no-ladder.ts', import.meta.url).pathname,
  demandRedis: new URL('sabotage/demand-redis.ts', import.meta.url).pathname,
  decideByArrival: new URL('sabotage/decide-by-arrival.ts', import.meta.url).pathname,
  noComparison: new URL('sabotage/no-comparison.ts', import.meta.url).pathname,
  noCompareAndSet: new URL('sabotage/no-compare-and-set.ts', import.meta.url).pathname,
  noHold: new URL('sabotage/no-hold.ts', import.meta.url).pathname,
  noLockOrder: new URL('sabotage/no-lock-order.ts', import.meta.url).pathname,
  noReconnect: new URL('sabotage/no-reconnect.ts', import.meta.url).pathname,
  positionFirst: new URL('sabotage/position-first.ts', import.meta.url).pathname
} as const
