import { createApplier as create } from '../../../worker/src/apply.ts'
import { dieAt } from './die.ts'

export const createApplier: typeof create = (deps) => {
  const { apply } = create(deps)
  return {
    apply: async (envelopes) => {
      const results = await apply(envelopes)
      dieAt('after-commit')
      return results
    }
  }
}
