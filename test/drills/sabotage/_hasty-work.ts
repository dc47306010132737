import { createRecordWork as createRealWork } from '../../../worker/src/record-work.ts'

/** As the real one, but the broker is answered first. */
export const createRecordWork: typeof createRealWork = (deps) => {
  const work = createRealWork(deps)
  return (batch, options) => {
    for (const delivery of batch) delivery.settle('ack')
    return work(batch, options)
  }
}
