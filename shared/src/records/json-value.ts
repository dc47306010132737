import type { Window } from './window.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const NEWLINE = 0x0a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Deeper than any record may be; what is deeper has lost its brackets. */
const MAX_DEPTH = 512

/** How far a value was read: to just behind its end, to the end of the bytes, or to where it cannot go on. */
export interface ReadTo {
  kind: 'closed' | 'more' | 'broken'
  at: number
}

/** Finds the end of one JSON value in bytes that are still coming. Looks at each byte once. */
export class JsonValue {
  #open: number[] = []
  #isInString = false
  #isEscaped = false
  #kind: 'none' | 'string' | 'scalar' | 'container' = 'none'

  begin(): void {
    this.#open = []
    this.#isInString = false
    this.#isEscaped = false
    this.#kind = 'none'
  }

  read({ bytes, base }: Window, from: number): ReadTo {
    for (let index = from - base; index < bytes.length; index++) {
      const byte = bytes[index] as number
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (byte === BACKSLASH) this.#isEscaped = true
        else if (byte === NEWLINE) return { kind: 'broken', at: base + index }
        else if (byte === QUOTE) {
          this.#isInString = false
          if (this.#kind === 'string') return { kind: 'closed', at: base + index + 1 }
        }
        continue
      }
      switch (byte) {
        case QUOTE:
          if (this.#kind === 'scalar') return { kind: 'broken', at: base + index }
          if (this.#kind === 'none') this.#kind = 'string'
          this.#isInString = true
          break
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (this.#kind === 'scalar' || this.#open.length === MAX_DEPTH)
            return { kind: 'broken', at: base + index }
          this.#kind = 'container'
          this.#open.push(byte + 2) // its closing bracket
          break
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          if (this.#kind !== 'container') return { kind: 'closed', at: base + index }
          if (this.#open.pop() !== byte) return { kind: 'broken', at: base + index }
          if (this.#open.length === 0) return { kind: 'closed', at: base + index + 1 }
          break
        case COMMA:
          if (this.#kind !== 'container') return { kind: 'closed', at: base + index }
          break
        default:
          if (this.#kind === 'none') this.#kind = 'scalar'
      }
    }
    return { kind: 'more', at: base + bytes.length }
  }
}
