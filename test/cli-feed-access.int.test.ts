import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { secretsOfSource } from '@sluice/prisma/tables/source-secrets'
import { createSource, findSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { sluice, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'

/** From the command line to what a scheduler finds: settings in the source, the secret sealed beside it. */

const MASTER_KEY = randomBytes(32).toString('base64')
let database: TestDatabase
let vendorId: number

beforeAll(async () => {
  database = await createDatabase()
  const vendor = await createVendor(database.db.sql, { slug: 'acme', name: 'Acme' })
  if (vendor === undefined) throw new Error('no vendor')
  vendorId = vendor.id
})
afterAll(() => database?.drop())

const run = (args: readonly string[], input = ''): Promise<Said> =>
  sluice(args, { input, env: { DATABASE_URL: database.url, REDIS_URL: '', SLUICE_SECRETS_KEY: MASTER_KEY } })
const sourceOf = async (slug: string): Promise<SourceRow> => {
  const source = await findSource(database.db.sql, slug)
  if (source === undefined) throw new Error(`no source ${slug}`)
  return source
}
/** The secrets of a feed that count, opened. */
const secretsOf = async (slug: string): Promise<(string | undefined)[]> => {
  const { id } = await sourceOf(slug)
  const rows = await secretsOfSource(database.db.sql, id)
  const sealing = createSealing({ SLUICE_SECRETS_KEY: MASTER_KEY })
  return rows
    .filter(({ revokedAt }) => revokedAt === undefined)
    .map(({ sealed }) => sealing?.open(sealed, secretContext(id)))
}
const add = (slug: string, ...more: string[]) => [
  'feeds',
  'add',
  slug,
  '--vendor=acme',
  '--format=kyero',
  '--address',
  ...more
]

test('a feed is added with its password, which nothing shows', async () => {
  const said = await run(add('one', 'https://acme.example/feed.xml', '--basic', 'sluice'), 'geheim:1\n')
  expect(said.code).toBe(0)
  expect(said.stdout + said.stderr).not.toContain('geheim')
  expect(await sourceOf('one')).toMatchObject({
    address: 'https://acme.example/feed.xml',
    fetch: { credentials: { scheme: 'basic', user: 'sluice' } }
  })
  expect(await secretsOf('one')).toEqual(['geheim:1'])
})

test('a new secret ends the one before, and the records need not be sent again', async () => {
  const before = await sourceOf('one')
  expect(
    await run(['feeds', 'access', 'one', '--bearer', '--pages', 'parameter:page:0'], 't0ken')
  ).toMatchObject({
    code: 0
  })
  expect(await sourceOf('one')).toMatchObject({
    revision: before.revision,
    fetch: { credentials: { scheme: 'bearer' }, pages: { by: 'parameter', name: 'page', first: 0 } }
  })
  expect(await secretsOf('one')).toEqual(['t0ken'])
  const shown = await run(['sources', 'show', 'one', '--json'])
  expect(JSON.parse(shown.stdout)).toMatchObject({ source: { fetch: { credentials: { scheme: 'bearer' } } } })

  await run(['feeds', 'access', 'one', '--no-credentials', '--no-pages'])
  expect((await sourceOf('one')).fetch).toEqual({})
  expect(await secretsOf('one')).toEqual([])
})

test('a password that stands in an address is sealed and taken out of it', async () => {
  const address = 'https://sluice:p%C3%A4ss@acme.example/feed.xml'
  await createSource(database.db.sql, {
    vendorId,
    slug: 'old',
    kind: 'feed',
    format: 'kyero',
    timeZone: 'UTC',
    address
  })
  expect(await run(['feeds', 'access', 'old', '--from-address'])).toMatchObject({ code: 0 })
  expect(await sourceOf('old')).toMatchObject({
    address: 'https://acme.example/feed.xml',
    fetch: { credentials: { scheme: 'basic', user: 'sluice' } }
  })
  expect(await secretsOf('old')).toEqual(['päss'])
})

test.each([
  ['nothing to change', ['feeds', 'access', 'one'], '', 'EDIT_EMPTY'],
  ['two kinds', ['feeds', 'access', 'one', '--bearer', '--basic', 'u'], 'x', 'ACCESS_INVALID'],
  ['an empty secret', ['feeds', 'access', 'one', '--bearer'], '', 'SECRET_INVALID'],
  ['a public key', ['feeds', 'access', 'one', '--key', 'u'], 'ssh-ed25519 AAAA', 'SECRET_INVALID'],
  ['an address without a password', ['feeds', 'access', 'one', '--from-address'], '', 'ACCESS_INVALID']
])('%s is a usage error', async (_name, args, input, code) => {
  const said = await run([...args, '--json'], input)
  expect(said.code).toBe(2)
  expect(JSON.parse(said.stdout)).toMatchObject({ error: { code } })
})
