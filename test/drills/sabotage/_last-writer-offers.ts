import { readOffers, writeOffers as writeReal } from '../../../prisma/src/tables/offers.ts'

export * from '../../../prisma/src/tables/offers.ts'

/** As the real one, but the version that was read is said to be the one that is there. */
export const writeOffers: typeof writeReal = async (sql, rows) => {
  const there = new Map(
    (await readOffers(sql, rows)).map((row) => [`${row.vendorId} ${row.externalId}`, row])
  )
  const rebased = rows.map((row) => ({
    ...row,
    rowVersion: there.get(`${row.vendorId} ${row.externalId}`)?.rowVersion ?? 0
  }))
  return await writeReal(sql, rebased)
}
