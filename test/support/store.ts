import { createHash } from 'node:crypto'
import type { Sql } from '@sluice/prisma/client'
import type { StoredOffer } from '@sluice/prisma/tables/offers'
import { createSource, type NewSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor, type VendorRow } from '@sluice/prisma/tables/vendors'
import { toStamp, type Stamp, type StampParts } from '@sluice/shared/stamp'

/** Small whole rows for tests of the store: a test names only what it is about. */

export const aVendor = async (sql: Sql, slug: string): Promise<VendorRow> => {
  const vendor = await createVendor(sql, { slug, name: slug })
  if (vendor === undefined) throw new Error(`vendor ${slug} exists already`)
  return vendor
}

export const aSource = async (
  sql: Sql,
  source: Partial<NewSource> & { slug: string; vendorId: number }
): Promise<SourceRow> => {
  const made = await createSource(sql, { kind: 'feed', format: 'kyero', timeZone: 'UTC', ...source })
  if (made === undefined) throw new Error(`source ${source.slug} exists already`)
  return made
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A stamp `seconds` into the test's history; received at the same time unless told. */
export const stampAt = (seconds: number, parts: Partial<StampParts> = {}): Stamp =>
  toStamp({
    factAt: microsAt(seconds),
    receivedAt: microsAt(seconds),
    ordinal: 0,
    formatVersion: 1,
    recordHash: hashOf('record'),
    ...parts
  })

const microsAt = (seconds: number): number => 1_790_000_000_000_000 + seconds * 1_000_000

export const anOffer = (
  offer: Partial<StoredOffer> & { vendorId: number; externalId: string }
): StoredOffer => ({
  state: 'active',
  content: { presence: { state: 'active' }, transaction: 'sale' },
  baseStamp: stampAt(0),
  unitStamps: {},
  sourceStamps: {},
  rowVersion: 0,
  revision: 1,
  ...offer
})

/** The items in an order of their own, the same for the same seed. */
export const shuffled = <T>(items: readonly T[], seed: number): T[] =>
  items
    .map((item, index) => ({ item, place: hashOf(`${seed}.${index}`) }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ item }) => item)
