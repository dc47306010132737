import { expect, it } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import type { Cache } from '@sluice/shared/cache'
import { createLocations } from './locations.ts'

const nerja = { key: 'spain|nerja', country: 'Spain', city: 'Nerja' }

it('ids are remembered for as long as the table is the one they were read from', async () => {
  let [id, asked, generation] = [1, 0, 'before the restore']
  const sql = {
    $queryRaw: async () => {
      asked += 1
      return [{ id, key: nerja.key }]
    }
  } as unknown as Sql
  const cache = {
    getMany: async (keys: readonly string[]) => keys.map(() => undefined),
    setMany: async () => undefined
  } as unknown as Cache
  const locations = createLocations({ db: { sql }, cache, generation: async () => generation })
  const resolve = async () => (await locations.resolve([nerja])).get(nerja.key)

  expect([await resolve(), await resolve(), asked]).toEqual([1, 1, 1])
  ;[id, generation] = [2, 'after it']
  expect([await resolve(), await resolve(), asked]).toEqual([2, 2, 2])
})
