import { appendChanges as append } from '../../../prisma/src/tables/offer-changes.ts'
import { dieAt } from './die.ts'

export * from '../../../prisma/src/tables/offer-changes.ts'

/** Everything about the offers is written, and nothing is committed. */
export const appendChanges: typeof append = async (sql, rows) => {
  await append(sql, rows)
  dieAt('before-commit')
}
