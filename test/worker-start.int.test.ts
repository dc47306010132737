import { afterEach, describe, expect, test } from 'vitest'
import { DEFAULT_NAMESPACE } from '@sluice/shared/topology'
import { ROOT, run, type Running } from './support/process.ts'
import { startSentrySink } from './support/sentry.ts'
import { services } from './support/services.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const node = (args: readonly string[], env: Record<string, string | undefined>): Running => {
  const running = run(process.execPath, ['--import', './shared/src/instrument.ts', ...args], {
    cwd: ROOT,
    env
  })
  cleanups.push(() => running.stop(1_000))
  return running
}
const settings = {
  DATABASE_URL: services.databaseUrl,
  RABBITMQ_URL: services.rabbitmqUrl,
  REDIS_URL: services.redisUrl,
  SLUICE_NAMESPACE: DEFAULT_NAMESPACE,
  WORKER_HEALTH_PORT: '0'
}

describe('a worker that is configured wrongly', () => {
  test('lists every problem at once and exits 78', async () => {
    const worker = node(['worker/src/main.ts'], {
      DATABASE_URL: undefined,
      RABBITMQ_URL: 'http://localhost',
      REDIS_URL: 'redis://localhost',
      WORKER_FEED_BATCH_SIZE: '1000',
      SENTRY_DSN: 'nonsense'
    })
    expect((await worker.exit).code).toBe(78)
    for (const name of ['DATABASE_URL', 'RABBITMQ_URL', 'WORKER_FEED_BATCH_SIZE', 'SENTRY_DSN'])
      expect(worker.output()).toContain(`- ${name} `)
  })

  test('exits 78 when the topology was not applied, naming what is missing', async () => {
    const worker = node(['worker/src/main.ts'], { ...settings, SLUICE_NAMESPACE: 'test-never-applied' })
    expect((await worker.exit).code).toBe(78)
    expect(worker.output()).toContain('test-never-applied.webhook.v1')
    expect(worker.output()).toContain('sluice topology apply')
  })
})

describe('what reaches Sentry through the real SDK', () => {
  const PROGRAM = `
    const { createReporter } = await import('@sluice/shared/sentry')
    const { sentrySink } = await import('@sluice/shared/instrument')
    const { createLogger } = await import('@sluice/shared/log')
    const log = createLogger({ service: 'test', level: 'silent' })
    const reporter = createReporter({ sink: sentrySink, service: 'test', log })
    const cause = new Error('login of "Ana Pérez" (ana@example.es) failed: password=hunter2')
    const error = new TypeError('connect amqp://guest:hunter2@broker failed', { cause })
    reporter.captureError(error, { messageId: 'd.1' })
    reporter.captureError(error, { messageId: 'd.2' })
    await reporter.close(5_000)
    setTimeout(() => { throw new RangeError('caught by nobody, call +34 612 345 678') }, 10)
    process.on('uncaughtException', () => setTimeout(() => process.exit(3), 500))
  `

  test('is a bug once, an uncaught error too, and of both nothing secret or personal', async () => {
    const sink = await startSentrySink()
    cleanups.push(sink.close)
    const program = node(
      [
        '--input-type=module',
        '--eval',
        PROGRAM.replaceAll('@sluice/shared/', `${ROOT}shared/src/`).replaceAll(
          /(shared\/src\/\w+)'/g,
          "$1.ts'"
        )
      ],
      {
        SENTRY_DSN: sink.dsn
      }
    )
    expect((await program.exit).code).toBe(3)
    const types = sink.events().map((event) => {
      const { values } = event['exception'] as { values: { type: string }[] }
      return values.map(({ type }) => type).join(' < ')
    })
    expect(types).toEqual(['Error < TypeError', 'RangeError'])
    expect(sink.events()[0]).toMatchObject({ tags: { service: 'test', messageId: 'd.1' } })
    for (const word of ['hunter2', 'Ana', 'example.es', '612 345']) expect(sink.raw()).not.toContain(word)
  })
})
