import { createHmac, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listSourceSecrets, secretsOfSource } from '@sluice/prisma/tables/source-secrets'
import { touchLastUsed } from '@sluice/prisma/tables/last-use'
import { findSource, sourcesVersion } from '@sluice/prisma/tables/sources'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { sluice, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'

/** From the command line to the door: what an operator sets is what a sender meets. */

const FIRST_KEY = randomBytes(32).toString('base64')
const NEXT_KEY = randomBytes(32).toString('base64')

let broker: TestBroker
let database: TestDatabase
let house: House
let gateway: GatewayProcess

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  for (const slug of ['signed', 'basic', 'bare']) await addSource(database.db, { slug })
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    env: { SLUICE_SECRETS_KEY: FIRST_KEY, LOG_LEVEL: 'debug' }
  })
  gateway = await house.startGateway()
  await waitFor('the gateway to be ready', async () => (await fetch(`${gateway.url}/readyz`)).ok)
})

afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
})

const run = (args: readonly string[], { input = '', ...more }: Record<string, string> = {}): Promise<Said> =>
  sluice(args, {
    input,
    env: {
      DATABASE_URL: database.url,
      REDIS_URL: services.redisUrl,
      SLUICE_NAMESPACE: broker.namespace,
      SLUICE_SECRETS_KEY: FIRST_KEY,
      ...more
    }
  })

const BODY = '{"id":"A-1","change":"patch","price":{"amount":1,"currency":"EUR","period":"total"}}'

const sign = (secret: string, body: string, at = Math.floor(Date.now() / 1_000)): Record<string, string> => {
  const id = `msg_${randomBytes(8).toString('hex')}`
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const mac = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${mac}` }
}

const post = (source: string, headers: Record<string, string>): Promise<Answer> =>
  send(`${gateway.url}/webhooks/${source}`, BODY, headers)

const stored = async (slug: string) => {
  const source = await findSource(database.db.sql, slug)
  return secretsOfSource(database.db.sql, source?.id ?? 0)
}

const failsWith = (said: Said, exit: number, code: string): void => {
  expect([said.code, said.stderr.trim().split('\n')[0]]).toEqual([
    exit,
    expect.stringMatching(`\\(${code}\\)$`)
  ])
}

test('a source is signed, its secret rotated and the old one revoked, and the door follows each within two seconds', async () => {
  const set = await run([
    'sources',
    'auth',
    'signed',
    '--scheme',
    'standard-webhooks',
    '--generate',
    '--json'
  ])
  const { secret: first } = set.json<{ secret: string }>()
  expect(first).toMatch(/^whsec_/)
  const answersSoon = async (secret: string, status: number): Promise<void> => {
    const until = Date.now() + 2_000
    let answer = await post('signed', sign(secret, BODY))
    while (answer.status !== status && Date.now() < until) answer = await post('signed', sign(secret, BODY))
    expect(answer).toMatchObject({ status })
  }
  await answersSoon(first, 202)
  expect(await post('signed', sign(first, `${BODY} `))).toMatchObject({
    status: 401,
    body: { code: 'CREDENTIALS_INVALID' }
  })
  expect(await post('signed', sign(first, BODY, 1_700_000_000))).toMatchObject({ status: 401 })
  expect(await post('signed', {})).toMatchObject({ status: 401, body: { code: 'CREDENTIALS_MISSING' } })

  const added = await run(['secrets', 'add', 'signed', '--generate', '--label', 'next'])
  const second = added.stdout.trim()
  await answersSoon(second, 202)
  await answersSoon(first, 202)
  expect((await run(['secrets', 'revoke', 'signed', 'secret-1'])).stdout).toBe(
    'Revoked secret-1 of signed.\n'
  )
  await answersSoon(first, 401)
  await answersSoon(second, 202)

  const list = await run(['secrets', 'list', '--source', 'signed', '--json'])
  expect(list.json()).toMatchObject({
    secrets: [
      { label: 'next', source: 'signed', state: 'valid' },
      { label: 'secret-1', state: 'revoked' }
    ]
  })
  for (const secret of [first, second]) {
    expect(list.stdout).not.toContain(secret)
    expect(gateway.output()).not.toContain(secret.slice(6))
    for (const { sealed } of await stored('signed')) expect(Buffer.from(sealed).includes(secret)).toBe(false)
  }
})

test('a password is read from stdin, and stands in no list', async () => {
  const set = await run(['sources', 'auth', 'basic', '--scheme', 'basic', '--secret'], {
    input: 'acme:pass:with:colons\n'
  })
  expect(set).toMatchObject({ code: 0, stdout: 'basic now knows its senders by basic.\n' })
  const authorization = `Basic ${Buffer.from('acme:pass:with:colons').toString('base64')}`
  await waitFor('the password to count', async () => (await post('basic', { authorization })).status === 202)
  const shown = await run(['sources', 'show', 'basic'])
  expect(shown.stdout).toContain('{"scheme":"basic"}')
  expect(shown.stdout).not.toContain('colons')
})

test('vendors known to send again are refused while RabbitMQ is away, the others kept for', async () => {
  const set = async (scheme: string) => {
    await run(['sources', 'auth', 'retrying', '--scheme', scheme, '--generate'])
    return (await findSource(database.db.sql, 'retrying'))?.onBrokerDown
  }
  await addSource(database.db, { slug: 'retrying', auth: { scheme: 'api-key' } })
  expect(await set('github')).toBe('outbox')
  expect(await set('stripe')).toBe('refuse')
})

test('what would leave a door open, or shut for ever, is not saved', async () => {
  const before = (await findSource(database.db.sql, 'bare'))?.revision
  const unknown = await run(['sources', 'auth', 'bare', '--scheme', 'none'])
  failsWith(unknown, 2, 'AUTH_INVALID')
  expect(unknown.stderr).toContain('No scheme "none". Known: api-key, ')
  failsWith(await run(['sources', 'auth', 'bare', '--scheme', 'github']), 1, 'SECRET_MISSING')
  const auth = ['sources', 'auth', 'bare', '--scheme']
  failsWith(await run([...auth, 'github', '--secret'], { input: '\n' }), 2, 'SECRET_INVALID')
  failsWith(
    await run([...auth, 'standard-webhooks', '--secret'], { input: 'whsec_short' }),
    2,
    'SECRET_INVALID'
  )
  failsWith(await run([...auth, 'reapit', '--generate']), 2, 'SECRET_INVALID')
  failsWith(await run([...auth, 'hubspot-v3', '--generate']), 2, 'AUTH_INVALID')
  failsWith(await run([...auth, 'hmac', '--generate', '--rule', '{"template":"x"}']), 2, 'AUTH_INVALID')
  failsWith(await run([...auth, 'hmac', '--generate', '--rule', '[]']), 2, 'USAGE_VALUE_INVALID')
  failsWith(await run([...auth, 'api-key', '--allow-from', '10.0.0.0/99']), 2, 'AUTH_INVALID')
  failsWith(await run(['secrets', 'add', 'bare', '--generate']), 2, 'SECRET_INVALID')
  failsWith(await run([...auth, 'github', '--generate'], { SLUICE_SECRETS_KEY: '' }), 78, 'CONFIG_INVALID')
  failsWith(
    await run([...auth, 'github', '--generate'], { SLUICE_SECRETS_KEY: 'short' }),
    78,
    'CONFIG_INVALID'
  )
  expect((await findSource(database.db.sql, 'bare'))?.revision).toBe(before)
  expect(await stored('bare')).toEqual([])
})

test('settings that got into the table all the same shut the door, and are our fault', async () => {
  const { sourceId } = await addSource(database.db, { slug: 'broken', auth: { scheme: 'nobody-knows' } })
  expect(sourceId).toBeGreaterThan(0)
  expect(await post('broken', { 'x-api-key': 'slk_x' })).toMatchObject({
    status: 503,
    body: { code: 'SOURCE_MISCONFIGURED' }
  })
})

test('another scheme revokes what it cannot use, and keeps at most five', async () => {
  await addSource(database.db, { slug: 'changing' })
  const auth = ['sources', 'auth', 'changing', '--json', '--scheme']
  await run([...auth, 'reapit', '--secret'], { input: 'ijz3_2n1gmlfhqAa2XH_5uYmcL2L2VHb1IqDbRDLBnU' })
  const changed = await run([...auth, 'standard-webhooks', '--generate'])
  expect(changed.json()).toMatchObject({
    revoked: ['secret-1'],
    source: { auth: { scheme: 'standard-webhooks' } }
  })
  for (let n = 0; n < 4; n++) await run(['secrets', 'add', 'changing', '--generate'])
  failsWith(await run(['secrets', 'add', 'changing', '--generate']), 1, 'SECRETS_TOO_MANY')
  failsWith(await run(['secrets', 'revoke', 'changing', 'no-such']), 1, 'SECRET_UNKNOWN')
})

test('a new master key seals every secret anew, and the old one can go', async () => {
  const version = await sourcesVersion(database.db.sql)
  const both = { SLUICE_SECRETS_KEY: NEXT_KEY, SLUICE_SECRETS_KEY_PREVIOUS: FIRST_KEY }
  const [{ resealed, unreadable }, again] = [
    (await run(['secrets', 'reseal', '--json'], both)).json<{ resealed: number; unreadable: string[] }>(),
    await run(['secrets', 'reseal', '--json'], { SLUICE_SECRETS_KEY: NEXT_KEY })
  ]
  const rows = await listSourceSecrets(database.db.sql)
  expect([resealed, unreadable]).toEqual([rows.length, []])
  expect(again.json()).toEqual({ resealed: 0, current: rows.length, unreadable: [] })
  expect(await sourcesVersion(database.db.sql)).not.toBe(version)
  const lost = await run(['secrets', 'reseal'], { SLUICE_SECRETS_KEY: FIRST_KEY })
  failsWith(lost, 1, 'SECRETS_UNREADABLE')
})

test('the last use is kept, and an older one changes nothing', async () => {
  const [row] = await stored('basic')
  const usedAt = new Date(Date.now() + 60_000)
  await touchLastUsed(database.db.sql, 'source_secrets', [{ id: row?.id ?? 0, usedAt }])
  await touchLastUsed(database.db.sql, 'source_secrets', [{ id: row?.id ?? 0, usedAt: new Date(0) }])
  expect((await stored('basic'))[0]?.lastUsedAt).toEqual(usedAt)
})
