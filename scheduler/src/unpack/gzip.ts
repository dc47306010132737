import { crc32, createInflateRaw } from 'node:zlib'
import { codeOf, toError } from '@sluice/shared/errors'
import { FileDamage } from '@sluice/shared/records'
import { chunksOf } from '../fetch/chunks.ts'
import { createInput, type Input } from './input.ts'
import { createReason } from './reason.ts'

export const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b

/** RFC 1952 §2.3: magic, method, flags, time, extra flags, system; then what the flags announce. */
const HEADER_BYTES = 10
const DEFLATE = 8
const HAS_CHECKSUM = 0x02
const HAS_EXTRA = 0x04
const HAS_NAME = 0x08
const HAS_COMMENT = 0x10
const TRAILER_BYTES = 8

type Reason = ReturnType<typeof createReason>

/**
 * The text of a gzip file: several members are one text. What stands behind the last one and is none is left alone, as
 * by every gzip – Node's own loses the end of the text over it.
 * @throws FileDamage `UNPACK_CUT_SHORT`, `UNPACK_DAMAGED` once everything sound was given
 * @throws RunError `UNPACK_INFLATE_RATIO`, `UNPACK_TOO_LARGE`
 */
export const gunzip = async function* (
  packed: AsyncIterable<Buffer>,
  maxBytes: number
): AsyncGenerator<Buffer> {
  const input = createInput(packed)
  const reason = createReason({ area: 'UNPACK', maxBytes })
  try {
    await skipHeader(input, await input.take(HEADER_BYTES))
    for (;;) {
      yield* member(input, reason)
      const next = await input.take(HEADER_BYTES)
      if (!isGzip(next)) return
      await skipHeader(input, next)
    }
  } finally {
    await input.close()
  }
}

const member = async function* (input: Input, reason: Reason): AsyncGenerator<Buffer> {
  const inflating = createInflateRaw()
  const feeding = feed(inflating, input, reason).catch((thrown: unknown) =>
    inflating.destroy(toError(thrown))
  )
  let sum = 0
  let bytes = 0
  try {
    for await (const chunk of chunksOf(inflating)) {
      reason.unpacked(chunk.length)
      sum = crc32(chunk, sum)
      bytes += chunk.length
      yield chunk
    }
    await feeding
  } catch (thrown) {
    throw toDamage(thrown)
  }
  const trailer = await input.take(TRAILER_BYTES)
  if (trailer.length < TRAILER_BYTES) throw cutShort()
  if (trailer.readUInt32LE(0) !== sum || trailer.readUInt32LE(4) !== bytes % 2 ** 32) {
    throw new FileDamage('UNPACK_DAMAGED', 'the text of the gzip file is not what its checksum says')
  }
}

/** Gives the inflater what it takes; what it leaves of the last chunk goes back. */
const feed = async (
  inflating: ReturnType<typeof createInflateRaw>,
  input: Input,
  reason: Reason
): Promise<void> => {
  for (let fed = 0; ;) {
    const chunk = await input.next()
    if (chunk === undefined) break
    reason.packed(chunk.length)
    fed += chunk.length
    await new Promise<void>((resolve, reject) => {
      inflating.write(chunk, (error) => (error ? reject(error) : resolve()))
    })
    const left = fed - inflating.bytesWritten
    if (left === 0) continue
    input.giveBack(chunk.subarray(chunk.length - left))
    break
  }
  inflating.end()
}

const skipHeader = async (input: Input, head: Buffer): Promise<void> => {
  if (head.length < HEADER_BYTES) throw cutShort()
  if (head[2] !== DEFLATE) throw new FileDamage('UNPACK_DAMAGED', 'the gzip file has a header nobody knows')
  const flags = head[3] ?? 0
  if ((flags & HAS_EXTRA) !== 0) {
    const length = await input.take(2)
    if (length.length < 2) throw cutShort()
    await input.take(length.readUInt16LE(0))
  }
  if ((flags & HAS_NAME) !== 0) await skipText(input)
  if ((flags & HAS_COMMENT) !== 0) await skipText(input)
  if ((flags & HAS_CHECKSUM) !== 0) await input.take(2)
}

/** To behind the NUL that ends it. */
const skipText = async (input: Input): Promise<void> => {
  for (;;) {
    const chunk = await input.next()
    if (chunk === undefined) throw cutShort()
    const end = chunk.indexOf(0)
    if (end === -1) continue
    input.giveBack(chunk.subarray(end + 1))
    return
  }
}

/** What zlib says of a file is about the file; everything else is not. */
export const toDamage = (thrown: unknown): unknown => {
  const code = codeOf(thrown)
  if (!code.startsWith('Z_')) return thrown
  return code === 'Z_BUF_ERROR'
    ? cutShort(thrown)
    : new FileDamage('UNPACK_DAMAGED', 'the compressed file is damaged', { cause: thrown })
}

const cutShort = (cause?: unknown): FileDamage =>
  new FileDamage('UNPACK_CUT_SHORT', 'the compressed file is cut short', { cause })
