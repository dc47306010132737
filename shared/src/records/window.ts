/** The part of a file that is still needed: bytes come at its end and are let go at its beginning. */
export class Window {
  bytes: Buffer = Buffer.alloc(0)
  /** Offset of the first byte. */
  base = 0

  get end(): number {
    return this.base + this.bytes.length
  }

  append(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk])
  }

  /** Nothing in front of `offset` is needed any more. */
  letGo(offset: number): void {
    if (offset <= this.base) return
    this.bytes = this.bytes.subarray(offset - this.base)
    this.base = offset
  }

  /** The bytes of [start, end), for as long as nothing is appended. */
  view(start: number, end: number): Buffer {
    return this.bytes.subarray(start - this.base, end - this.base)
  }

  copy(start: number, end: number): Buffer {
    return Buffer.from(this.view(start, end))
  }
}
