import { writeOffers as writeReal, type OfferKey } from '../../../prisma/src/tables/offers.ts'

export * from '../../../prisma/src/tables/offers.ts'

/** As the real one, but row by row in an order of chance, as many clients would. */
export const writeOffers: typeof writeReal = async (sql, rows) => {
  const written: OfferKey[] = []
  for (const row of rows.toSorted(() => Math.random() - 0.5)) written.push(...(await writeReal(sql, [row])))
  return written
}
