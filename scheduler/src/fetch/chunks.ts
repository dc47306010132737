import type { Readable } from 'node:stream'
import { toError } from '@sluice/shared/errors'

const MAX_QUEUED = 16

/**
 * The chunks of a stream, taken as they come: iterating a stream of Node drops what it has buffered as soon as it
 * fails, and of a download that breaks off that would be the last good records.
 */
export const chunksOf = (stream: Readable): AsyncIterable<Buffer> => {
  const queue: Buffer[] = []
  let ended: { error?: Error } | undefined
  let news = Promise.withResolvers<void>()
  const tell = (): void => {
    news.resolve()
    news = Promise.withResolvers()
  }
  const end = (how: { error?: Error }): void => {
    ended ??= how
    tell()
  }
  stream.on('data', (chunk: Buffer) => {
    queue.push(chunk)
    if (queue.length >= MAX_QUEUED) stream.pause()
    tell()
  })
  stream.once('end', () => end({}))
  stream.on('error', (error) => end({ error: toError(error) }))
  stream.once('close', () => end({ error: new Error('the stream was closed') }))
  return read()

  async function* read(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunk = queue.shift()
        if (chunk !== undefined) {
          yield chunk
        } else if (ended === undefined) {
          const next = news.promise
          stream.resume()
          await next
        } else if (ended.error === undefined) {
          return
        } else {
          throw ended.error
        }
      }
    } finally {
      stream.destroy()
    }
  }
}
