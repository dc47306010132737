import {
  APOSTROPHE,
  BANG,
  CLOSE_BRACKET,
  COMMENT_START,
  GT,
  LT,
  OPEN_BRACKET,
  QUESTION,
  QUOTE,
  SECTION_END
} from './xml-bytes.ts'
import type { XmlWindow } from './xml-window.ts'

/** Finds the end of a DOCTYPE: quotes, and comments and instructions in its internal subset, may hold what looks like it. */
export class XmlDoctype {
  #quote = 0
  #isInSubset = false
  /** What is being skipped. */
  #inner: 'comment' | 'pi' | undefined

  begin(): void {
    this.#quote = 0
    this.#isInSubset = false
    this.#inner = undefined
  }

  /** Reads from an index on: to behind its end, or to where it goes on once more bytes have come. */
  read(window: XmlWindow, from: number): { at: number; isClosed: boolean } {
    let at = from
    while (at < window.length) {
      if (this.#inner !== undefined) {
        const needle = SECTION_END[this.#inner]
        const end = window.indexBehind(needle, at)
        if (end === -1) return { at: window.earliest(needle, at), isClosed: false }
        this.#inner = undefined
        at = end
      } else if (this.#quote !== 0) {
        const end = window.indexOf(this.#quote, at)
        if (end === -1) return { at: window.length, isClosed: false }
        this.#quote = 0
        at = end + 1
      } else if (this.#isInSubset && window.bytes[at] === LT) {
        const inner = innerAt(window, at)
        if (inner === 'unknown') return { at, isClosed: false }
        this.#inner = inner
        at += inner === 'comment' ? COMMENT_START.length : inner === 'pi' ? 2 : 1
      } else {
        at += 1
        if (this.#endsWith(window.bytes[at - 1])) return { at, isClosed: true }
      }
    }
    return { at, isClosed: false }
  }

  #endsWith(byte: number | undefined): boolean {
    if (byte === QUOTE || byte === APOSTROPHE) this.#quote = byte
    else if (byte === OPEN_BRACKET) this.#isInSubset = true
    else if (byte === CLOSE_BRACKET) this.#isInSubset = false
    return byte === GT && !this.#isInSubset
  }
}

/** What the `<` at an index begins that may hold anything; `unknown`: too few bytes to tell. */
const innerAt = ({ bytes, length }: XmlWindow, at: number): 'comment' | 'pi' | 'unknown' | undefined => {
  if (at + 1 >= length) return 'unknown'
  if (bytes[at + 1] === QUESTION) return 'pi'
  if (bytes[at + 1] !== BANG) return undefined
  const known = Math.min(COMMENT_START.length, length - at)
  if (bytes.compare(COMMENT_START, 0, known, at, at + known) !== 0) return undefined
  return known < COMMENT_START.length ? 'unknown' : 'comment'
}
