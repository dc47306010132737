import type { widthOf } from './charset-names.ts'

interface Piece {
  /** Offset in UTF-8, and in the file. */
  start: number
  source: number
  bytes: Buffer
}

/**
 * Offsets in UTF-8 → offsets in the file it was decoded from, so that a person finds what an offset names. Exact where
 * characters have a known width; else offsets stay those of UTF-8. Asked in rising order it looks at each byte once.
 */
export class Places {
  readonly #reach: number
  #begin = { start: 0, source: 0 }
  #width: ReturnType<typeof widthOf> = 'various'
  #pieces: Piece[] = []
  #end = 0
  /** The last place that was counted out. */
  #last = { start: 0, source: 0 }

  constructor(reach: number) {
    this.#reach = reach
  }

  /** From offset `start` in UTF-8, which is `source` in the file, characters have another width. */
  begin(start: number, source: number, width: ReturnType<typeof widthOf>): void {
    this.#begin = { start, source }
    this.#last = this.#begin
    this.#end = start
    this.#width = width
  }

  /** The next decoded bytes. */
  add(bytes: Buffer): void {
    if (this.#width === 'various') return
    const before = this.#pieces.at(-1)
    const source =
      before === undefined
        ? this.#begin.source
        : before.source + this.#sizeOf(before.bytes, 0, before.bytes.length)
    this.#pieces.push({ start: this.#end, source, bytes })
    this.#end += bytes.length
    while (this.#pieces.length > 1 && (this.#pieces[1]?.start ?? 0) < this.#end - this.#reach)
      this.#pieces.shift()
  }

  of(offset: number): number {
    const { start, source } = this.#begin
    if (offset < start) return offset
    if (this.#width === 'various') return source + offset - start
    let from = offset >= this.#last.start ? this.#last : this.#begin
    for (const piece of this.#pieces) {
      if (piece.start + piece.bytes.length <= from.start) continue
      if (piece.start >= offset) break
      if (from.start < piece.start) from = piece
      const end = Math.min(piece.bytes.length, offset - piece.start)
      from = {
        start: piece.start + end,
        source: from.source + this.#sizeOf(piece.bytes, from.start - piece.start, end)
      }
    }
    this.#last = from
    return from.source
  }

  /** What the characters of a piece of UTF-8 take in the file. */
  #sizeOf(bytes: Buffer, from: number, to: number): number {
    const isUtf16 = this.#width === 'utf16'
    let size = 0
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number
      if ((byte & 0xc0) === 0x80) continue
      size += isUtf16 ? (byte >= 0xf0 ? 4 : 2) : 1
    }
    return size
  }
}
