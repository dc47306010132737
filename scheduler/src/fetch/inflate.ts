import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { toError } from '@sluice/shared/errors'
import { createReason } from '../unpack/reason.ts'

/** A compressed answer, inflated as it comes. @throws RunError `FETCH_INFLATE_RATIO`, from the stream */
export const inflate = (compressed: Readable): Readable => {
  const gunzip = createGunzip()
  const reason = createReason({ area: 'FETCH' })
  compressed.on('data', (chunk: Buffer) => reason.packed(chunk.length))
  gunzip.on('data', (chunk: Buffer) => {
    try {
      reason.unpacked(chunk.length)
    } catch (thrown) {
      gunzip.destroy(toError(thrown))
    }
  })
  compressed.once('error', (error) => gunzip.destroy(error))
  gunzip.once('close', () => compressed.destroy())
  return compressed.pipe(gunzip)
}
