import { createRetries as create } from '../../../worker/src/retries.ts'
import { dieAt, type Failpoint } from './die.ts'

export * from '../../../worker/src/retries.ts'

const thenDie = async (confirmed: Promise<boolean>, place: Failpoint): Promise<boolean> => {
  const isConfirmed = await confirmed
  dieAt(place)
  return isConfirmed
}

export const createRetries: typeof create = (deps) => {
  const retries = create(deps)
  return {
    ...retries,
    climb: (...args) => thenDie(retries.climb(...args), 'after-retry-confirm'),
    bury: (...args) => thenDie(retries.bury(...args), 'after-bury-confirm')
  }
}
