import { isUtf8 } from 'node:buffer'
import { RecordError } from '../errors.ts'

/** @throws RecordError `RECORD_NOT_UTF8`: read as text, such bytes would silently become others. */
export const demandUtf8 = (bytes: Buffer): void => {
  if (!isUtf8(bytes)) throw new RecordError('RECORD_NOT_UTF8', 'The record holds bytes that are not UTF-8')
}

/**
 * Whether bytes beyond ASCII are mostly whole UTF-8 characters. Text of any other charset hardly ever is by chance; a
 * UTF-8 file with a few broken bytes still is.
 */
export const looksLikeUtf8 = (bytes: Buffer): boolean => {
  let whole = 0
  let broken = 0
  for (let at = 0; at < bytes.length;) {
    const length = lengthAt(bytes, at)
    if (length === undefined) break // cut off at the end
    if (length > 1) whole++
    else if (length === 0) broken++
    at += Math.max(1, length)
  }
  return whole > broken || (whole === 0 && broken === 0)
}

/** Bytes of the character at `at`: 0 when there is none, `undefined` when its end is missing. */
const lengthAt = (bytes: Buffer, at: number): number | undefined => {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length =
    first >= 0xf0 && first <= 0xf4
      ? 4
      : first >= 0xe0 && first < 0xf0
        ? 3
        : first >= 0xc2 && first < 0xe0
          ? 2
          : 0
  for (let index = 1; index < length; index++) {
    const next = bytes[at + index]
    if (next === undefined) return undefined
    if ((next & 0xc0) !== 0x80) return 0
  }
  return length
}
