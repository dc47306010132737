import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { RunError } from '../errors.ts'

/** More than any text shrinks to; a bomb reaches a thousand. */
const MAX_RATIO = 200
/** A few kilobytes may well be all blanks. */
const FREE_BYTES = 4 * 1024 * 1024

/** A compressed body, inflated as it comes. @throws RunError `FETCH_INFLATE_RATIO`, from the stream */
export const inflate = (compressed: Readable): Readable => {
  const gunzip = createGunzip()
  let bytesIn = 0
  let bytesOut = 0
  compressed.on('data', (chunk: Buffer) => void (bytesIn += chunk.length))
  gunzip.on('data', (chunk: Buffer) => {
    bytesOut += chunk.length
    if (bytesOut <= FREE_BYTES || bytesOut <= bytesIn * MAX_RATIO) return
    const message = `The answer inflates to more than ${MAX_RATIO} times what was sent; that is no feed`
    gunzip.destroy(new RunError('FETCH_INFLATE_RATIO', message))
  })
  compressed.once('error', (error) => gunzip.destroy(error))
  gunzip.once('close', () => compressed.destroy())
  return compressed.pipe(gunzip)
}
