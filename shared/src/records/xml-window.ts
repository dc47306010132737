import { endsName, LT } from './xml-bytes.ts'

const INITIAL_BYTES = 128 * 1024
/** Texts are mostly short; a call into `indexOf` costs as much as looking at this many bytes. */
const SHORT_TEXT_BYTES = 24

/** The part of a file of XML that is retained, and what is looked for in it. Offsets are in the file, indexes in `bytes`. */
export class XmlWindow {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  /** The offset of the first byte. */
  base = 0
  /** How many of `bytes` are of the file. */
  length = 0

  /** Offset behind the last byte. */
  get end(): number {
    return this.base + this.length
  }

  /** Nobody needs what stands in front of the index `from`; how much of it is gone, by which all indexes move. */
  append(chunk: Uint8Array, from: number): number {
    const isFull = this.length + chunk.length + 1 > this.bytes.length
    if (isFull) this.#makeRoom(from, chunk.length + 1)
    this.bytes.set(chunk, this.length)
    this.length += chunk.length
    this.bytes[this.length] = LT // a sentinel: the search for `<` never runs on into bytes of earlier chunks
    return isFull ? from : 0
  }

  /** Drops what nobody needs; grows, by doubling, only when what is left does not fit. */
  #makeRoom(from: number, bytes: number): void {
    const kept = this.length - from
    const fits = kept + bytes <= this.bytes.length / 2
    const target = fits ? this.bytes : Buffer.allocUnsafe(Math.max(INITIAL_BYTES, (kept + bytes) * 2))
    target.set(this.bytes.subarray(from, this.length))
    this.bytes = target
    this.base += from
    this.length = kept
  }

  /** A copy of the bytes of [start, end), offsets. */
  slice(start: number, end: number): Buffer {
    return Buffer.from(this.view(start, end))
  }

  /** The bytes of [start, end), offsets, until more are appended. */
  view(start: number, end: number): Buffer {
    return this.bytes.subarray(start - this.base, end - this.base)
  }

  text(start: number, end: number): string {
    return this.bytes.toString('utf8', start - this.base, end - this.base)
  }

  /** Index of the first `<` from an index on; `length` when there is none. */
  indexOfLt(from: number): number {
    const { bytes, length } = this
    const near = Math.min(length, from + SHORT_TEXT_BYTES)
    for (let at = from; at < near; at++) if (bytes[at] === LT) return at
    if (near === length) return length
    return bytes.indexOf(LT, near) // the sentinel stands at `length`
  }

  /** Index of the first needle from an index on, or -1. */
  indexOf(needle: Buffer | number, from: number): number {
    return this.bytes.subarray(0, this.length).indexOf(needle, from)
  }

  /** Index behind the first needle from an index on, or -1. */
  indexBehind(needle: Buffer, from: number): number {
    const found = this.indexOf(needle, from)
    return found === -1 ? -1 : found + needle.length
  }

  /** Where a needle that is not there from an index on may yet begin: its first bytes may have come. */
  earliest(needle: Buffer, from: number): number {
    return Math.max(from, this.length - needle.length + 1)
  }

  /** Index of the first start tag named like a needle (with its `<`), the byte behind the name included; or -1. */
  indexOfTag(needles: readonly Buffer[], from: number): number {
    let first = -1
    for (const needle of needles) {
      const bytes = this.bytes.subarray(0, first === -1 ? this.length : first)
      let found = bytes.indexOf(needle, from)
      while (found !== -1 && !endsName(this.bytes[found + needle.length])) {
        found = bytes.indexOf(needle, found + 1)
      }
      if (found !== -1) first = found
    }
    return first
  }

  /** Offset of the next start tag with one of the names, whatever it stands in. */
  findTag(names: readonly Buffer[], offset: number): number | undefined {
    const found = this.indexOfTag(names.map(toNeedle), offset - this.base)
    return found === -1 ? undefined : this.base + found
  }
}

export const toNeedle = (name: Buffer): Buffer => Buffer.concat([Buffer.from('<'), name])
