import { describe, expect, it } from 'vitest'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import { DataError, DependencyError } from '@sluice/shared/errors'
import type { Db, Sql } from '@sluice/prisma/client'
import { createApplier } from './apply.ts'

const away = new DependencyError('postgres', 'DB_UNAVAILABLE', 'away')
const envelope: Envelope = {
  messageId: '1.1',
  type: 'vanished',
  vendor: 'costa',
  source: 'feed',
  format: 'sluice',
  formatVersion: 1,
  lane: 'feed',
  externalId: '1',
  factAt: 1,
  factAtFrom: 'file',
  receivedAt: 1,
  ordinal: 0,
  recordHash: recordHash('x'),
  sourceRevision: 1,
  run: '1',
  attempt: 0,
  body: Buffer.alloc(0)
}
const source = { id: 1, slug: 'feed', vendorId: 1, vendorSlug: 'costa', timeZone: 'UTC' }

describe('the applier', () => {
  it('never rejects, even if Postgres leaves while a refused batch is looked into', async () => {
    const refuse = () => Promise.reject(new DataError('DB_DATA', 'a foreign key'))
    const db: Db = {
      sql: {} as Sql,
      transaction: refuse,
      direct: { sql: { $queryRaw: async <T>() => [] as T, $executeRaw: refuse }, transaction: refuse },
      ping: async () => undefined,
      close: async () => undefined
    }
    const applier = createApplier({
      db,
      sources: {
        find: async () => new Map([['feed', source]]),
        watch: async () => undefined,
        stop: () => undefined
      },
      locations: { resolve: async () => new Map(), forget: () => Promise.reject(away) }
    })
    expect(await applier.apply([envelope])).toEqual([{ error: away, source }])
  })
})
