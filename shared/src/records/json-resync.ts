import { isBlank } from './beginning.ts'
import type { Window } from './window.ts'

/** `{`, blanks, and the first name, as the records of this file are written. */
const BEGINNING = /^\{\s*"(?:[^"\\]|\\.){1,100}"\s*:/
const MAX_BEGINNING_BYTES = 512

/**
 * Finds the next record behind a damaged one: what one program writes, it writes alike, so records begin with the same
 * name after the same blanks. If that also stands inside a record, it says nothing, and nothing is found.
 */
export class JsonResync {
  #beginning: Buffer | undefined
  #isAmbiguous = false

  /** A sound record of this file. */
  learn(record: Buffer): void {
    if (this.#isAmbiguous) return
    if (this.#beginning === undefined) {
      const text = BEGINNING.exec(record.toString('latin1', 0, MAX_BEGINNING_BYTES))?.[0]
      if (text === undefined) return
      this.#beginning = Buffer.from(text, 'latin1')
    }
    this.#isAmbiguous = record.indexOf(this.#beginning, 1) !== -1
  }

  get isKnown(): boolean {
    return this.#beginning !== undefined && !this.#isAmbiguous
  }

  get length(): number {
    return this.#beginning?.length ?? 0
  }

  /** Offset of the next beginning that stands behind a comma. */
  find({ bytes, base }: Window, from: number): number | undefined {
    const beginning = this.#beginning
    if (beginning === undefined || this.#isAmbiguous) return undefined
    let found = bytes.indexOf(beginning, Math.max(0, from - base))
    while (found !== -1 && !isBehindComma(bytes, found)) found = bytes.indexOf(beginning, found + 1)
    return found === -1 ? undefined : base + found
  }
}

const isBehindComma = (bytes: Buffer, at: number): boolean => {
  let before = at - 1
  while (before >= 0 && isBlank(bytes[before])) before--
  // Where the window begins nobody knows what stood before.
  return before < 0 || bytes[before] === 0x2c
}
