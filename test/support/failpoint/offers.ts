import { readOffers as read } from '../../../prisma/src/tables/offers.ts'
import { dieAt } from './die.ts'

export * from '../../../prisma/src/tables/offers.ts'

export const readOffers: typeof read = async (sql, keys) => {
  const offers = await read(sql, keys)
  dieAt('after-read')
  return offers
}
