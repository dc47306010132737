import { EnvelopeError } from '../../../shared/src/errors.ts'
import {
  createApplier as createRealApplier,
  type Applier,
  type ApplierDeps
} from '../../../worker/src/apply.ts'

export * from '../../../worker/src/apply.ts'

/** As the real one, but a batch with one bad record in it is a bad batch. */
export const createApplier = (deps: ApplierDeps): Applier => {
  const { apply } = createRealApplier(deps)
  return {
    apply: async (envelopes) => {
      const results = await apply(envelopes)
      const isGood = results.every((result) => 'outcome' in result && result.outcome !== 'rejected')
      const error = new EnvelopeError('BATCH_BAD', 'Something in this batch is wrong')
      return isGood ? results : results.map(() => ({ error }))
    }
  }
}
