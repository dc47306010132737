import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createCache, type Cache } from '@sluice/shared/cache'
import { keyDigest } from '@sluice/shared/keys'
import { createLogger } from '@sluice/shared/log'
import { keysOfSource } from '@sluice/prisma/tables/api-keys'
import { touchLastUsed } from '@sluice/prisma/tables/last-use'
import { findSource, sourcesVersion } from '@sluice/prisma/tables/sources'
import { sluice, sluiceProcess, type Said } from './support/cli.ts'
import { createDatabase, createEmptyDatabase, type TestDatabase } from './support/database.ts'
import { freePort, run, waitFor } from './support/process.ts'
import { services } from './support/services.ts'

const MASTER_KEY = randomBytes(32).toString('base64')
const namespace = `test-${randomBytes(6).toString('hex')}`
let database: TestDatabase
let cache: Cache
const heard: string[] = []
const at = (...args: string[]): Promise<Said> => sluice(args, { env: env() })
const env = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  REDIS_URL: services.redisUrl,
  SLUICE_NAMESPACE: namespace
})

beforeAll(async () => {
  database = await createDatabase()
  cache = createCache({
    url: services.redisUrl,
    namespace,
    log: createLogger({ service: 'test', level: 'silent' })
  })
  await cache.subscribe('sources', (slug) => heard.push(slug))
})

afterAll(async () => {
  await cache.close()
  await database.drop()
})

const failsWith = (said: Said, exit: number, code: string): void => {
  expect([said.code, said.stderr.trim().split('\n')[0]]).toEqual([
    exit,
    expect.stringMatching(`\\(${code}\\)$`)
  ])
  expect(said.stdout).toBe('')
}

describe('without any settings', () => {
  test('it explains itself, at every level', async () => {
    for (const args of [[], ['--help'], ['help', 'feeds'], ['feeds', '--help'], ['feeds', 'run', '--help']]) {
      const said = await sluice(args)
      expect(said, args.join(' ')).toMatchObject({ code: 0, stderr: '' })
      expect(said.stdout).toMatch(/^Usage: sluice/)
      expect(said.stdout).toContain('Examples:')
    }
  })

  test('it lists formats', async () => {
    const said = await sluice(['formats', 'list', '--json'])
    expect(said).toMatchObject({ code: 0, stderr: '' })
    const { formats } = said.json<{ formats: { name: string; webhook: boolean; feed: object | null }[] }>()
    expect(formats.map(({ name }) => name)).toEqual(expect.arrayContaining(['kyero', 'sluice']))
    expect((await sluice(['formats', 'list'])).stdout).toMatch(/^FORMAT +TITLE/)
  })

  test('what needs a setting says which, with 78', async () => {
    const said = await sluice(['vendors', 'list'])
    failsWith(said, 78, 'CONFIG_INVALID')
    expect(said.stderr).toContain('  - DATABASE_URL is not set.')
    const wrong = await sluice(['topology', 'verify', '--json'], {
      env: { RABBITMQ_URL: 'http://x', SLUICE_NAMESPACE: 'No Namespace' }
    })
    expect(wrong.code).toBe(78)
    const { error } = wrong.json<{ error: { code: string; problems: string[] } }>()
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.problems.map((problem) => problem.split(' ')[0])).toEqual([
      'RABBITMQ_URL',
      'SLUICE_NAMESPACE'
    ])
  })

  test('a service that is away is named, with what to check', async () => {
    const port = await freePort()
    const store = await sluice(['vendors', 'list'], {
      env: { DATABASE_URL: `postgresql://x@127.0.0.1:${port}/x` }
    })
    failsWith(store, 1, 'DB_UNAVAILABLE')
    expect(store.stderr).toContain('does DATABASE_URL point at it?')
    const broker = await sluice(['topology', 'verify'], { env: { RABBITMQ_URL: `amqp://127.0.0.1:${port}` } })
    failsWith(broker, 1, 'BROKER_DOWN')
  })

  test('a database that is not migrated is told apart', async () => {
    const empty = await createEmptyDatabase()
    const said = await sluice(['vendors', 'list'], { env: { DATABASE_URL: empty.url } })
    failsWith(said, 1, 'DB_NOT_MIGRATED')
    expect(said.stderr).toContain('Run `pnpm migrate`.')
    await empty.drop()
  })
})

describe('what is not understood', () => {
  test.each([
    [['vendor', 'list'], 'USAGE_COMMAND_UNKNOWN', 'Did you mean vendors?'],
    [['vendors', 'lst'], 'USAGE_COMMAND_UNKNOWN', 'Did you mean list?'],
    [['vendors', 'list', '--jsno'], 'USAGE_OPTION_UNKNOWN', '--json'],
    [['vendors', 'add'], 'USAGE_ARGUMENT_MISSING', 'slug'],
    [['vendors', 'add', 'a', 'b'], 'USAGE_ARGUMENT_EXCESS', ''],
    [['vendors', 'add', 'Acme Homes'], 'USAGE_VALUE_INVALID', 'lower-case letters'],
    [['vendors', 'add', 'acme', '--name'], 'USAGE_VALUE_MISSING', '--name'],
    [['sources', 'add', 'webhook', 'x'], 'USAGE_OPTION_MISSING', '--vendor'],
    [['sources', 'edit', 'x', '--time-zone', 'Europe/Sophia'], 'USAGE_VALUE_INVALID', 'Europe/Sofia'],
    [['sources', 'edit', 'x', '--schedule', 'daily'], 'USAGE_VALUE_INVALID', 'cron expression'],
    [
      ['sources', 'edit', 'x', '--address', 'gopher://x/y'],
      'USAGE_VALUE_INVALID',
      'gopher:// is not supported'
    ],
    [['offers', 'list', '--state', 'gone'], 'USAGE_VALUE_INVALID', 'active'],
    [['offers', 'list', '--limit', '0'], 'USAGE_VALUE_INVALID', 'from 1 to'],
    [['rejections', 'show', 'x'], 'USAGE_VALUE_INVALID', 'whole number'],
    [['dead-letters', 'replay'], 'LETTERS_NONE', '--all'],
    [['dead-letters', 'replay', '1', '--all'], 'LETTERS_MIXED', 'not both'],
    [['dead-letters', 'replay', 'x'], 'USAGE_VALUE_INVALID', 'whole number'],
    [['dead-letters', 'replay', '1', '--code', 'BUG'], 'LETTERS_MIXED', 'not both'],
    [['dead-letters', 'discard', '--reason', 'x'], 'LETTERS_NONE', '--all'],
    [['dead-letters', 'replay', '--all', '--rate', '0'], 'USAGE_VALUE_INVALID', 'a second'],
    [['dead-letters', 'list', '--since', 'lately'], 'USAGE_VALUE_INVALID', 'a duration ago'],
    [['dead-letters', 'list', '--state', 'lost'], 'USAGE_VALUE_INVALID', 'discarded'],
    [['sources', 'add', 'webhook', 'x', '--vendor', 'v', '--format', 'kyero'], 'FORMAT_KIND', 'webhook'],
    [
      ['sources', 'add', 'webhook', 'x', '--vendor', 'v', '--format', 'sluce'],
      'FORMAT_UNKNOWN',
      'Did you mean "sluice"?'
    ]
  ])('%j exits 2 with %s', async (args, code, hint) => {
    const said = await sluice(['--json', ...args])
    expect(said.code).toBe(2)
    expect(said.json()).toEqual({ error: { code, message: expect.stringContaining(hint) as unknown } })
    expect(said.stderr).toMatch(new RegExp(`^sluice: [^\\n]+ \\(${code}\\)\\n$`))
  })

  test('a noun without a verb shows its verbs', async () => {
    const said = await sluice(['feeds'])
    expect(said).toMatchObject({ code: 2, stdout: '' })
    expect(said.stderr).toContain('Usage: sluice feeds')
    expect(said.stderr).toMatch(/\(USAGE_COMMAND_MISSING\)\n$/)
  })
})

describe('vendors, sources and keys', () => {
  test('a vendor is added once', async () => {
    const added = await at('vendors', 'add', 'acme', '--name', 'Acme Homes', '--json')
    expect(added).toMatchObject({ code: 0, stderr: '' })
    expect(added.json()).toMatchObject({ vendor: { slug: 'acme', name: 'Acme Homes' } })
    failsWith(await at('vendors', 'add', 'acme'), 1, 'VENDOR_EXISTS')
    expect((await at('vendors', 'list')).stdout).toMatch(/^VENDOR +NAME +SOURCES\nacme +Acme Homes$/m)
  })

  test('a webhook is added to a vendor that exists, under a slug nobody has', async () => {
    const unknown = await at('sources', 'add', 'webhook', 'acme-crm', '--vendor', 'acm')
    failsWith(unknown, 1, 'VENDOR_UNKNOWN')
    expect(unknown.stderr).toContain('No vendor "acm". Did you mean "acme"?')
    const added = await at(
      'sources',
      'add',
      'webhook',
      'acme-crm',
      '--vendor',
      'acme',
      '--time-zone',
      'Europe/Sofia'
    )
    expect(added).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('POST /webhooks/acme-crm') as unknown
    })
    expect(added.stderr).toContain('Next: sluice keys create acme-crm')
    const taken = await at('sources', 'add', 'webhook', 'acme-crm', '--vendor', 'acme')
    failsWith(taken, 1, 'SOURCE_EXISTS')
    expect(taken.stderr).toContain('a webhook of acme')
  })

  test('sources are listed and shown', async () => {
    const list = (await at('sources', 'list', '--vendor', 'acme', '--json')).json<{ sources: object[] }>()
    expect(list.sources).toEqual([
      {
        slug: 'acme-crm',
        kind: 'webhook',
        vendor: 'acme',
        format: 'sluice',
        timeZone: 'Europe/Sofia',
        revision: 1,
        pausedAt: null,
        address: null,
        fetch: null,
        schedule: null,
        nextRunAt: null,
        runRequestedAt: null,
        exportLagMs: null,
        holdShare: null,
        holdCount: null,
        auth: { scheme: 'api-key' }
      }
    ])
    expect((await at('sources', 'list')).stdout).toMatch(
      /^acme-crm +webhook +acme +sluice +Europe\/Sofia +open$/m
    )
    expect((await at('sources', 'show', 'acme-crm')).stdout).toMatch(/^posts to +\/webhooks\/acme-crm$/m)
    const unknown = await at('sources', 'show', 'acme-cmr')
    failsWith(unknown, 1, 'SOURCE_UNKNOWN')
    expect(unknown.stderr).toContain('Did you mean "acme-crm"?')
    failsWith(await at('sources', 'list', '--vendor', 'nobody'), 1, 'VENDOR_UNKNOWN')
  })

  test('a pause and its end are heard by every service at once, and seen by their poll', async () => {
    heard.length = 0
    const before = await sourcesVersion(database.db.sql)
    const paused = await sluiceProcess(['sources', 'pause', 'acme-crm'], { env: env() })
    expect(paused.stdout).toMatch(/^Paused acme-crm\./)
    await waitFor('the pause to be heard', () => heard.includes('acme-crm'))
    expect(await sourcesVersion(database.db.sql)).not.toBe(before)
    expect((await at('sources', 'pause', 'acme-crm')).stdout).toContain('has been paused since')
    expect((await at('sources', 'list')).stdout).toMatch(/acme-crm .* paused$/m)
    expect((await at('sources', 'resume', 'acme-crm')).stdout).toBe('Resumed acme-crm.\n')
    expect((await at('sources', 'resume', 'acme-crm')).stdout).toBe('acme-crm was not paused.\n')
  })

  test('an edit moves the revision, and only a real one does', async () => {
    const edited = await at('sources', 'edit', 'acme-crm', '--time-zone', 'Europe/Madrid')
    expect(edited.stdout).toBe('Changed acme-crm, now revision 2.\ntime zone  Europe/Sofia → Europe/Madrid\n')
    const again = await at('sources', 'edit', 'acme-crm', '--time-zone', 'Europe/Madrid', '--json')
    expect(again.json()).toMatchObject({ changed: [], source: { revision: 2 } })
    failsWith(await at('sources', 'edit', 'acme-crm'), 2, 'EDIT_EMPTY')
    failsWith(await at('sources', 'edit', 'acme-crm', '--schedule', '* * * * *'), 2, 'SOURCE_KIND')
    failsWith(await at('sources', 'edit', 'acme-crm', '--format', 'kyero'), 2, 'FORMAT_KIND')
  })

  test('a key is shown once and kept as a digest', async () => {
    const created = await at('keys', 'create', 'acme-crm')
    expect(created.stdout).toMatch(/^slk_[\w-]{43}\n$/)
    const key = created.stdout.trim()
    const source = await findSource(database.db.sql, 'acme-crm')
    const [row] = await keysOfSource(database.db.sql, source?.id ?? 0)
    expect(row?.digest).toBe(keyDigest(key))
    const list = await at('keys', 'list', '--json')
    expect(list.stdout).not.toContain(key)
    expect(list.json()).toMatchObject({
      keys: [{ prefix: key.slice(0, 12), state: 'valid', lastUsedAt: null }]
    })

    await touchLastUsed(database.db.sql, 'api_keys', [
      { id: row?.id ?? 0, usedAt: new Date(Date.now() - 3 * 60_000) }
    ])
    expect((await at('keys', 'list', '--source', 'acme-crm')).stdout).toMatch(
      /^slk_.{8}… +acme-crm +valid +\d{4}-\d\d-\d\dT\d\d:\d\d\S+ \(3m ago\)/m
    )
  })

  test('a key may expire or begin later, but not never be valid', async () => {
    const later = await at('keys', 'create', 'acme-crm', '--not-before', '2h', '--expires', '90d', '--json')
    expect(later.json()).toMatchObject({
      key: { state: 'not yet valid', secret: expect.stringMatching(/^slk_/) as unknown }
    })
    failsWith(await at('keys', 'create', 'acme-crm', '--expires', '2020-01-01'), 2, 'KEY_NEVER_VALID')
    failsWith(await at('keys', 'create', 'acme-crm', '--expires', 'soon'), 2, 'USAGE_VALUE_INVALID')
  })

  test('a key is revoked by its start, and services hear of it', async () => {
    const { key } = (await at('keys', 'create', 'acme-crm', '--json')).json<{ key: { prefix: string } }>()
    heard.length = 0
    expect((await at('keys', 'revoke', `${key.prefix}…`)).stdout).toBe(
      `Revoked ${key.prefix}… of acme-crm.\n`
    )
    await waitFor('the revocation to be heard', () => heard.includes('acme-crm'))
    expect((await at('keys', 'revoke', key.prefix)).stdout).toContain('was revoked')
    expect((await at('keys', 'list')).stdout).toMatch(new RegExp(`^${key.prefix}… +acme-crm +revoked`, 'm'))
    failsWith(await at('keys', 'revoke', 'slk_nothing'), 1, 'KEY_UNKNOWN')
  })

  test('without Redis an edit is done all the same', async () => {
    const port = await freePort()
    const said = await sluiceProcess(['sources', 'pause', 'acme-crm', '--json'], {
      env: { ...env(), REDIS_URL: `redis://127.0.0.1:${port}` }
    })
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect((await at('sources', 'resume', 'acme-crm')).code).toBe(0)
  })
})

// The tests do most commands in their own process; this is what lets them.
describe('a process says the same as the command in it, and ends with the same code', () => {
  test.each([
    ['without a database', ['--help'], 0],
    ['without a database', ['feeds'], 2],
    ['without a database', ['vendors', 'list', '--jsno', '--json'], 2],
    ['without a database', ['vendors', 'list'], 78],
    ['on a database', ['vendors', 'list'], 0],
    ['on a database', ['sources', 'show', 'acme-cmr', '--json'], 1],
    ['on a broker', ['topology', 'verify'], 1],
    ['with a secret on stdin', ['sources', 'auth', 'acme-crm', '--scheme', 'github', '--secret'], 2]
  ])('%s: %j', async (where, args, exit) => {
    const options = {
      env: where.startsWith('without')
        ? {}
        : { ...env(), RABBITMQ_URL: services.rabbitmqUrl, SLUICE_SECRETS_KEY: MASTER_KEY },
      input: '\n'
    }
    const { json: _, ...said } = await sluice(args, options)
    expect(said.code).toBe(exit)
    expect(await sluiceProcess(args, options)).toMatchObject(said)
  })
})

describe('the terminal', () => {
  test('a reader who has seen enough is no error', async () => {
    const program = 'node cli/src/main.mjs sources list --json | head -c 1'
    const child = run('bash', ['-c', `set -o pipefail; ${program}; echo " \${PIPESTATUS[0]}"`], {
      env: env()
    })
    await child.exit
    expect(child.output()).toBe('{ 0\n')
  })

  test('colour is for terminals without NO_COLOR, and a table keeps to its width', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'))
    const onTerminal = async (columns: number, more: Record<string, string> = {}): Promise<string> => {
      const command = `stty cols ${columns}; node cli/src/main.mjs sources list`
      const child = run('script', ['-qefc', command, join(folder, 'typescript')], {
        // Node draws no colours where CI is set
        env: { ...env(), TERM: 'xterm-256color', NO_COLOR: '', CI: undefined, ...more }
      })
      await child.exit
      return child.output()
    }
    const colored = await onTerminal(100)
    expect(colored).toContain('\u001b[32mopen')
    const plain = await onTerminal(50, { NO_COLOR: '1' })
    expect(plain).not.toContain('\u001b[3')
    for (const line of plain.split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(50)
    await rm(folder, { recursive: true })
  })
})
