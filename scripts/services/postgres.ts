import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { Client } from 'pg'
import { mustRun } from '../command.ts'
import { toAnswer, type Answer, type Service } from './service.ts'

const PORT = 5432
const BIN = '/usr/lib/postgresql'
/**
 * The login we make for ourselves on a server of this machine. The tests make roles and set server parameters, hence
 * superuser, which whoever may make it is anyway; it owns nothing but what the house creates.
 */
const ROLE = 'sluice_local'
const INVALID_CATALOG_NAME = '3D000'

const at = (user: string): string => `postgresql://${user}@127.0.0.1:${PORT}/sluice`

/** Up means: we may log in and create databases. The database itself may be missing, the migration creates it. */
const probe = async (url: string): Promise<Answer> => {
  try {
    return await ask(url)
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === INVALID_CATALOG_NAME
    if (!isMissing) return toAnswer(error)
  }
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  return ask(maintenance.toString()).catch(toAnswer)
}

const ask = async (url: string): Promise<Answer> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  client.on('error', () => undefined) // a server that goes away after it has answered
  try {
    await client.connect()
    const { rows } = await client.query<{ may: boolean }>(
      'SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user'
    )
    return rows[0]?.may === true
      ? { state: 'up' }
      : { state: 'denied', reason: 'the role may not create databases' }
  } finally {
    await client.end().catch(() => undefined)
  }
}

interface Cluster {
  version: string
  name: string
  port: number
  online: boolean
}

/** Debian's own list: `15 main 5432 online postgres …`. */
const clusters = async (): Promise<Cluster[]> =>
  (await mustRun('pg_lsclusters', ['--no-header']))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([version, name, port, status]) =>
      version && name
        ? [{ version, name, port: Number(port), online: status?.startsWith('online') === true }]
        : []
    )

/** Gives our role a fresh password through the local socket, where the `postgres` user needs none. */
const admit = async (port: number = PORT): Promise<string> => {
  const password = randomBytes(18).toString('base64url')
  const sql = `
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${ROLE}') THEN CREATE ROLE ${ROLE}; END IF;
    END $$;
    ALTER ROLE ${ROLE} LOGIN SUPERUSER PASSWORD '${password}';`
  const psql = [
    'psql',
    '--quiet',
    '--no-psqlrc',
    '-v',
    'ON_ERROR_STOP=1',
    '-p',
    String(port),
    '-d',
    'postgres'
  ]
  await mustRun('runuser', ['-u', 'postgres', '--', ...psql], { input: sql, cwd: '/' })
  return `postgresql://${ROLE}:${password}@127.0.0.1:${port}/sluice`
}

const start = async (): Promise<string> => {
  let cluster = (await clusters()).find(({ port }) => port === PORT) ?? (await clusters())[0]
  if (cluster === undefined) {
    const versions = (await readdir(BIN)).map(Number).filter(Number.isFinite)
    const version = String(Math.max(...versions))
    await mustRun('pg_createcluster', ['--encoding=UTF8', '--locale=C.UTF-8', version, 'main'])
    cluster = (await clusters())[0]
  }
  if (cluster === undefined) throw new Error('pg_createcluster made no cluster')
  if (!cluster.online) await mustRun('pg_ctlcluster', [cluster.version, cluster.name, 'start'])
  return admit(cluster.port)
}

export const postgres: Service = {
  name: 'postgres',
  title: 'PostgreSQL',
  variable: 'DATABASE_URL',
  usual: [at('postgres:postgres'), at('postgres'), at(userInfo().username)],
  probe,
  admit,
  debian: {
    packages: ['postgresql'],
    isInstalled: async () => (await readdir(BIN).catch(() => [])).length > 0,
    start
  }
}
