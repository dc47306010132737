import { randomBytes } from 'node:crypto'
import { applyTopology } from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { createTopology } from '@sluice/shared/topology'
import { mustRun } from '../command.ts'
import { green, step } from '../progress.ts'
import { ROOT } from '../root.ts'
import { provideServices, type ServiceUrls } from '../services.ts'
import { EGRESS_ALLOW, readEnvFile, writeEnvFile } from './env-file.ts'

const SECRETS_KEY_BYTES = 32

/** Everything a house stands on: services, generated client, migrated database, topology. Again is quick and harmless. */
export const prepareHouse = async (): Promise<ServiceUrls> => {
  const urls = await provideServices()
  console.log(`  ${green('✓')} ${'services'.padEnd(16)} PostgreSQL, RabbitMQ and Redis answer`)
  await step('prisma client', () => mustRun(process.execPath, ['scripts/generate.ts'], { cwd: ROOT }))
  // Imported only now: it stands on the generated client.
  const { migrate } = await import('@sluice/prisma/migrate')
  await step(
    'database',
    () => migrate({ url: urls.DATABASE_URL }),
    ({ applied }) => (applied.length === 0 ? 'up to date' : `migrated: ${applied.join(', ')}`)
  )
  const topology = createTopology(process.env['SLUICE_NAMESPACE'] || undefined)
  const log = createLogger({ service: 'start', level: 'silent' })
  await step(
    'topology',
    () => applyTopology({ url: urls.RABBITMQ_URL, topology, log }),
    () => `${topology.queueSpecs.length} queues named ${topology.namespace}.*`
  )
  // Its services inherit the master key; what was sealed last time opens the next time.
  const known = (await readEnvFile())['SLUICE_SECRETS_KEY']
  process.env['SLUICE_SECRETS_KEY'] ||= known ?? randomBytes(SECRETS_KEY_BYTES).toString('base64')
  const { SLUICE_SECRETS_KEY } = process.env
  await writeEnvFile({
    ...urls,
    SLUICE_NAMESPACE: topology.namespace,
    SLUICE_SECRETS_KEY,
    SCHEDULER_EGRESS_ALLOW: EGRESS_ALLOW
  })
  return urls
}
