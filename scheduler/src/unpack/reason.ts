import { RunError } from '../errors.ts'

/** More than any text shrinks to; a bomb reaches a thousand. */
const MAX_RATIO = 200
/** A few kilobytes may well be all blanks. */
const FREE_BYTES = 4 * 1024 * 1024

/** Which errors say that too much comes out, and how much may. */
export interface Reason {
  /** `FETCH` of what a server compresses on the way, `UNPACK` of what a vendor does. */
  area: 'FETCH' | 'UNPACK'
  maxBytes?: number
}

/**
 * Counts what is inflated against what it was inflated from: `check` throws when it is out of all proportion, or more
 * than allowed.
 */
export const createReason = ({ area, maxBytes = Number.POSITIVE_INFINITY }: Reason) => {
  let packed = 0
  let unpacked = 0
  return {
    packed: (bytes: number): void => void (packed += bytes),
    /** @throws RunError `…_INFLATE_RATIO`, `…_TOO_LARGE` */
    unpacked: (bytes: number): void => {
      unpacked += bytes
      if (unpacked > maxBytes) {
        throw new RunError(
          `${area}_TOO_LARGE`,
          `The feed is larger than ${maxBytes} bytes when it is unpacked`
        )
      }
      if (unpacked <= FREE_BYTES || unpacked <= packed * MAX_RATIO) return
      const message = `The feed inflates to more than ${MAX_RATIO} times what was sent; that is no feed`
      throw new RunError(`${area}_INFLATE_RATIO`, message)
    }
  }
}
