import { PublishError } from '@sluice/shared/broker'
import { createRetries as createRealRetries } from '../../../worker/src/retries.ts'

export * from '../../../worker/src/retries.ts'

/** As the real one, but no answer of the broker is a refusal. */
export const createRetries: typeof createRealRetries = ({ publisher, ...deps }) =>
  createRealRetries({
    ...deps,
    publisher: {
      ...publisher,
      publish: async (message, options) => {
        try {
          await publisher.publish(message, options)
        } catch (thrown) {
          if (!(thrown instanceof PublishError)) throw thrown
        }
      }
    }
  })
