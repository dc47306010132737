import { setTimeout as sleep } from 'node:timers/promises'
import { step } from './progress.ts'
import { canInstall, startOnDebian } from './services/debian.ts'
import { canCompose, createPassword, startOnDocker } from './services/docker.ts'
import { readNote, writeNote } from './services/notebook.ts'
import { postgres } from './services/postgres.ts'
import { enableManagement, isManagementUp, MANAGEMENT_URL, rabbitmq } from './services/rabbitmq.ts'
import { redis } from './services/redis.ts'
import type { Answer, Service } from './services/service.ts'

/**
 * PostgreSQL, RabbitMQ and Redis for a developer's machine: what the environment names, else what answers at the
 * usual address, else Docker, else (root on Debian) the distribution's packages, else a message that says what to do.
 */
export interface ServiceUrls {
  DATABASE_URL: string
  RABBITMQ_URL: string
  REDIS_URL: string
}

const SERVICES = [postgres, rabbitmq, redis]
/** A first start of RabbitMQ on a busy machine takes half a minute. */
const READY_TIMEOUT_MS = 120_000

interface ServiceNotes {
  urls: Partial<Record<Service['name'], string>>
  dockerPassword: string
}

/** Finds or starts all three. @throws Error that says which is missing and what would help. */
export const provideServices = async (): Promise<ServiceUrls> => {
  const notes = await readNote<ServiceNotes>('services')
  const found = new Map<Service, string>()
  const missing: Service[] = []
  for (const service of SERVICES) {
    const url = await find(service, notes?.urls?.[service.name])
    if (url === undefined) missing.push(service)
    else found.set(service, url)
  }
  if (missing.length > 0) {
    const urls = await start(missing, notes?.dockerPassword)
    for (const [index, service] of missing.entries()) found.set(service, urls[index] ?? '')
  }
  await remember(found)
  const urlOf = (service: Service): string => found.get(service) ?? ''
  return { DATABASE_URL: urlOf(postgres), RABBITMQ_URL: urlOf(rabbitmq), REDIS_URL: urlOf(redis) }
}

/** The address that answers; `undefined` when nobody listens at any. @throws when somebody does and denies us. */
const find = async (service: Service, remembered: string | undefined): Promise<string | undefined> => {
  const { title, variable } = service
  const given = process.env[variable]
  if (given !== undefined && given !== '') {
    const answer = await service.probe(given)
    if (answer.state === 'up') return given
    throw new Error(`${variable} is set, but ${title} does not accept it: ${answer.reason}`)
  }
  const candidates = [...(remembered === undefined ? [] : [remembered]), ...service.usual]
  const answers: Answer[] = []
  for (const url of candidates) {
    const answer = await service.probe(url)
    if (answer.state === 'up') return url
    answers.push(answer)
  }
  const denied = answers.find((answer) => answer.state === 'denied')
  if (denied === undefined) return undefined
  if (service.admit !== undefined && process.getuid?.() === 0) {
    const { admit } = service
    return step(
      title,
      () => admit(),
      () => 'gave ourselves a login through its local socket'
    )
  }
  throw new Error(
    `A ${title} answers on this machine, but not to us (${denied.reason}).\nSet ${variable} to an address with a login that is ours to use.`
  )
}

/** Starts what is missing, one way or the other, and returns the address of each once it answers. */
const start = async (missing: readonly Service[], knownPassword: string | undefined): Promise<string[]> => {
  const titles = missing.map((service) => service.title).join(', ')
  if (await canCompose()) {
    const dockerPassword = knownPassword ?? createPassword()
    // Written first: even a start that is interrupted may have created its volumes with this password.
    await writeNote('services', { ...(await readNote('services')), dockerPassword })
    return step(
      'docker compose',
      async ({ note }) => allAnswer(missing, await startOnDocker(missing, dockerPassword, note), note),
      () => `started ${titles}`
    )
  }
  if (await canInstall()) {
    console.log(`  ${titles}: not running, no Docker engine, so the packages of the distribution`)
    return step(
      'packages',
      async ({ note }) => allAnswer(missing, await startOnDebian(missing, note), note),
      () => `started ${titles}`
    )
  }
  const variables = missing.map((service) => service.variable).join(', ')
  throw new Error(
    `Not running: ${titles}. Any one of these helps:\n` +
      `  - start them on their usual ports on this machine\n` +
      `  - set ${variables}\n` +
      '  - start a Docker engine with Compose v2 (`docker info` must succeed)\n' +
      '  - run this as root on Debian or Ubuntu, and they are installed'
  )
}

const allAnswer = async (
  services: readonly Service[],
  urls: string[],
  note: (text: string) => void
): Promise<string[]> => {
  for (const [index, service] of services.entries()) {
    note(`waiting for ${service.title} to answer`)
    await answers(service, urls[index] ?? '')
  }
  return urls
}

const answers = async (service: Service, url: string): Promise<void> => {
  const end = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    const answer = await service.probe(url)
    if (answer.state === 'up') return
    if (Date.now() > end)
      throw new Error(`${service.title} was started but does not answer: ${answer.reason}`)
    await sleep(200)
  }
}

/** What the environment names is not ours to remember: it may be gone tomorrow, and its password with it. */
const remember = async (found: ReadonlyMap<Service, string>): Promise<void> => {
  const urls = Object.fromEntries(
    [...found].flatMap(([service, url]) => (process.env[service.variable] ? [] : [[service.name, url]]))
  )
  await writeNote('services', { ...(await readNote('services')), urls })
}

/** Address of the RabbitMQ UI of a local broker, switched on when we may; `undefined` when there is none. */
export const provideManagement = async (rabbitmqUrl: string): Promise<string | undefined> => {
  const { hostname } = new URL(rabbitmqUrl)
  if (hostname !== '127.0.0.1' && hostname !== 'localhost') return undefined
  if (await isManagementUp()) return MANAGEMENT_URL
  if (process.getuid?.() !== 0) return undefined
  const isOn = await step('RabbitMQ UI', enableManagement, (on) =>
    on ? 'plugin rabbitmq_management enabled' : 'not available'
  )
  return isOn ? MANAGEMENT_URL : undefined
}
