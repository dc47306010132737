import { access, appendFile, mkdir } from 'node:fs/promises'
import { connect } from 'amqplib'
import { mustRun } from '../command.ts'
import { reasonOf, toAnswer, type Answer, type Service } from './service.ts'

const PORT = 5672
const HOME = '/var/lib/rabbitmq'
export const MANAGEMENT_URL = 'http://127.0.0.1:15672'

const probe = async (url: string): Promise<Answer> => {
  try {
    const connection = await connect(url, { timeout: 5_000 })
    connection.on('error', () => undefined) // a broker that goes away after it has answered
    await connection.close()
    return { state: 'up' }
  } catch (error) {
    // amqplib gives a refused login no code, only this sentence.
    return /ACCESS_REFUSED|403/.test(reasonOf(error))
      ? { state: 'denied', reason: 'the login is refused' }
      : toAnswer(error)
  }
}

/** The node is called after localhost: the name of a bare machine or container often resolves nowhere. */
const configure = async (): Promise<void> => {
  await mkdir('/etc/rabbitmq', { recursive: true })
  await appendFile('/etc/rabbitmq/rabbitmq-env.conf', '\nNODENAME=rabbit@localhost\n')
  await mustRun('rabbitmq-plugins', ['enable', '--offline', 'rabbitmq_management'], { env: { HOME } })
}

const start = async (): Promise<string> => {
  await mustRun('rabbitmq-server', ['-detached'], { env: { HOME }, cwd: HOME })
  return `amqp://guest:guest@127.0.0.1:${PORT}`
}

/** Whether the management UI of a local broker answers. */
export const isManagementUp = async (url: string = MANAGEMENT_URL): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

/** As root, on a broker of this machine: switches the management UI on. True when it answers afterwards. */
export const enableManagement = async (): Promise<boolean> => {
  try {
    await mustRun('rabbitmq-plugins', ['enable', 'rabbitmq_management'], { env: { HOME }, timeoutMs: 60_000 })
  } catch {
    return false // a convenience: without it everything but the UI works
  }
  return isManagementUp()
}

export const rabbitmq: Service = {
  name: 'rabbitmq',
  title: 'RabbitMQ',
  variable: 'RABBITMQ_URL',
  usual: [`amqp://guest:guest@127.0.0.1:${PORT}`],
  probe,
  debian: {
    packages: ['rabbitmq-server'],
    isInstalled: () =>
      access('/usr/sbin/rabbitmq-server').then(
        () => true,
        () => false
      ),
    configure,
    start
  }
}
