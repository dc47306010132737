import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LOCAL_FOLDER } from '../services/notebook.ts'
import type { ServiceUrls } from '../services.ts'
import { startChild, type Child } from './child.ts'
import { EGRESS_ALLOW } from './env-file.ts'
import { choosePort } from './port.ts'

/** Gateway, scheduler and two workers as child processes of this one. */
export interface House {
  gatewayUrl: string
  /** Rejects as soon as one of them ends by itself. */
  failed: Promise<never>
  /** Stops them, the ones that take work in first. Returns what did not go as it should. */
  stop: () => Promise<string[]>
}

export const LOG_FOLDER = join(LOCAL_FOLDER, 'logs')
const USUAL_GATEWAY_PORT = 8080
const USUAL_HEALTH_PORT = 8181
const WORKERS = 2

export const startHouse = async (urls: ServiceUrls, note: (text: string) => void): Promise<House> => {
  await mkdir(LOG_FOLDER, { recursive: true })
  const gatewayPort = await choosePort('GATEWAY_PORT', USUAL_GATEWAY_PORT)
  const children: Child[] = []
  const add = async (name: string, healthPort: number, env: Record<string, string>): Promise<void> => {
    note(`starting ${name}`)
    const main = `${name.replace(/-\d+$/, '')}/src/main.ts`
    const common = { ...urls, SENTRY_ENVIRONMENT: 'local' }
    children.push(
      await startChild({ name, main, logFolder: LOG_FOLDER, healthPort, env: { ...common, ...env } })
    )
  }
  const stop = async (): Promise<string[]> => {
    const problems: string[] = []
    for (const child of children) {
      const code = await child.stop()
      if (code !== 0) problems.push(`${child.name} did not stop cleanly (${code ?? 'killed'})`)
    }
    return problems
  }
  try {
    await add('gateway', gatewayPort, { GATEWAY_HOST: '127.0.0.1', GATEWAY_PORT: String(gatewayPort) })
    const schedulerPort = await choosePort('SCHEDULER_HEALTH_PORT', USUAL_HEALTH_PORT)
    await add('scheduler', schedulerPort, {
      SCHEDULER_HEALTH_PORT: String(schedulerPort),
      SCHEDULER_SPOOL_DIR: join(LOCAL_FOLDER, 'spool'),
      SCHEDULER_EGRESS_ALLOW: EGRESS_ALLOW
    })
    for (let number = 1; number <= WORKERS; number += 1) {
      const port = await choosePort(`WORKER_${number}_HEALTH_PORT`, USUAL_HEALTH_PORT)
      await add(`worker-${number}`, port, { WORKER_HEALTH_PORT: String(port) })
    }
    note('waiting until they are ready')
    await Promise.all(children.map((child) => child.ready()))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    failed: Promise.race(children.map((child) => child.failed)),
    stop
  }
}
