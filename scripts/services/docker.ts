import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { mustRun, runCommand } from '../command.ts'
import type { Service } from './service.ts'

const ROOT = join(import.meta.dirname, '../..')
const UP_TIMEOUT_MS = 10 * 60_000
const COMPOSE = [
  'compose',
  '--project-name',
  'sluice-local',
  '-f',
  'docker-compose.yml',
  '-f',
  'docker-compose.local.yml'
]

/** Whether a Docker engine answers (a `docker` on the PATH may be only the client) and it knows Compose v2. */
export const canCompose = async (): Promise<boolean> =>
  (await runCommand('docker', ['info'], { timeoutMs: 10_000 })).code === 0 &&
  (await runCommand('docker', ['compose', 'version'], { timeoutMs: 10_000 })).code === 0

/**
 * Starts the servers of docker-compose.yml with their ports on 127.0.0.1. The password is theirs for as long as
 * their volumes live, so it must come back the same the next time.
 */
export const startOnDocker = async (
  services: readonly Service[],
  password: string,
  note: (text: string) => void
): Promise<string[]> => {
  const names = services.map((service) => service.name)
  await mustRun('docker', [...COMPOSE, 'up', '--detach', '--wait', ...names], {
    cwd: ROOT,
    env: { POSTGRES_PASSWORD: password, RABBITMQ_PASSWORD: password, REDIS_PASSWORD: password },
    timeoutMs: UP_TIMEOUT_MS,
    onLine: (line) => note(`docker: ${line}`)
  })
  const urls: Record<Service['name'], string> = {
    postgres: `postgresql://sluice:${password}@127.0.0.1:5432/sluice`,
    rabbitmq: `amqp://sluice:${password}@127.0.0.1:5672`,
    redis: `redis://:${password}@127.0.0.1:6379`
  }
  return names.map((name) => urls[name])
}

export const createPassword = (): string => randomBytes(18).toString('base64url')
