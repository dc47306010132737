import { afterAll, beforeAll, expect, test } from 'vitest'
import { addRefusals, type NewRefusal } from '@sluice/prisma/tables/refusals'
import { sluice, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource } from './support/gateway.ts'

let database: TestDatabase
const at = (...args: string[]): Promise<Said> => sluice(args, { env: { DATABASE_URL: database.url } })

beforeAll(async () => {
  database = await createDatabase()
  for (const slug of ['crm', 'other']) await addSource(database.db, { slug })
})
afterAll(() => database.drop())

const refusal = (minutesAgo: number, given: Partial<NewRefusal> = {}): NewRefusal => {
  const minute = new Date(Math.floor(Date.now() / 60_000 - minutesAgo) * 60_000)
  const sample = { requestId: 'r1', address: '203.0.113.1', detail: 'No.', reason: 'revoked' }
  return { sourceSlug: 'crm', code: 'API_KEY_INVALID', minute, count: 1, lastAt: minute, sample, ...given }
}

test('refusals are counted together, listed by source, code and time', async () => {
  const { sql } = database.db
  await addRefusals(sql, [refusal(0, { count: 2 }), refusal(200), refusal(0, { sourceSlug: 'gone' })])
  await addRefusals(sql, [refusal(0, { count: 3, sample: { reason: 'later' } })])
  await addRefusals(sql, [refusal(0, { sourceSlug: 'other', code: 'BODY_MALFORMED' })])

  const all = await at('refusals', 'list', '--json')
  expect(all.json<{ refusals: unknown[] }>().refusals).toHaveLength(3)
  const recent = (await at('refusals', 'list', '--source', 'crm', '--last', '1h', '--json')).json<{
    refusals: { code: string; count: number; sample: object }[]
  }>()
  expect(recent.refusals).toMatchObject([
    { code: 'API_KEY_INVALID', count: 5, sample: { reason: 'revoked', address: '203.0.113.1' } }
  ])
  const table = await at('refusals', 'list', '--code', 'api_key_invalid')
  expect(table.stdout).toContain('revoked')
  expect(table.stdout).not.toContain('BODY_MALFORMED')
  expect(await at('refusals', 'list', '--source', 'nobody')).toMatchObject({ code: 1 })
})

test('how a webhook takes requests is shown and set, and only what differs is a change', async () => {
  const set = ['--rate-limit', '600', '--records-path', 'data.items', '--on-broker-down', 'refuse']
  const changed = (await at('sources', 'intake', 'crm', ...set, '--on-paused', 'accept', '--json')).json()
  expect(changed).toEqual({
    source: 'crm',
    intake: { rateLimit: 600, recordsPath: ['data', 'items'], onBrokerDown: 'refuse', onPaused: 'accept' },
    changed: ['rateLimit', 'recordsPath', 'onBrokerDown', 'onPaused']
  })
  expect((await at('sources', 'intake', 'crm', ...set, '--json')).json()).toMatchObject({ changed: [] })
  expect((await at('sources', 'intake', 'crm')).stdout).toContain('600 requests a minute')
  const cleared = await at('sources', 'intake', 'crm', '--no-rate-limit', '--no-records-path', '--json')
  expect(cleared.json()).toMatchObject({ intake: { rateLimit: null, recordsPath: null } })
  expect(await at('sources', 'intake', 'crm', '--rate-limit', '0')).toMatchObject({ code: 2 })
})
