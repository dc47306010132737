import { createRetries as createReal } from '../../../worker/src/retries.ts'

export * from '../../../worker/src/retries.ts'

/** As the real one, but a copy is sent once and believed to have arrived. */
export const createRetries: typeof createReal = ({ publisher, ...deps }) =>
  createReal({
    ...deps,
    publisher: Object.create(publisher, {
      publish: {
        value: (...args: Parameters<typeof publisher.publish>) => {
          publisher.publish(...args).catch(() => undefined)
          return Promise.resolve()
        }
      }
    }) as typeof publisher
  })
