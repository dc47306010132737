import { isAscii } from 'node:buffer'
import { encodeUtf8 } from '../encode-utf8.ts'
import { charsetNamed, markOf, unmarkedUtf16, widthOf } from './charset-names.ts'
import { Places } from './places.ts'
import { looksLikeUtf8 } from './utf8.ts'

/** What is said about the charset of a file, by whom; the first one who speaks is believed first. */
export interface CharsetClaims {
  /** The server, with the file. */
  transport?: string | undefined
  /** The file, of itself: asked for once its first bytes are there. */
  declared: (head: Buffer) => string | undefined
  /** The format, or whoever set the feed up. */
  expected?: string | undefined
}

/** How much of a file decides how it is read, once characters beyond ASCII begin. */
const HEAD_BYTES = 1024
const SAMPLE_BYTES = 64 * 1024

type State = 'head' | 'ascii' | 'sample' | 'utf8' | 'decoding'

/**
 * Bytes of any charset → UTF-8, as they come. A byte order mark is believed, then the server, then the file itself,
 * then what is expected – but what is plainly UTF-8 is read as that, and what plainly is not is not, whoever says so:
 * the difference is the `lie`. Until the first byte beyond ASCII nothing has to be decided.
 */
export class Transcoder {
  /** Nothing of the file can be read: its charset is unknown. */
  fault: string | undefined
  /** What was said about the charset and is not so. */
  lie: string | undefined
  readonly #claims: CharsetClaims
  readonly #places: Places
  #state: State = 'head'
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #said: { by: string; label: string; charset: string | undefined }[] = []
  #decoder: InstanceType<typeof TextDecoder> | undefined
  #charset = 'utf-8'
  /** Bytes in front of what waits. */
  #source = 0

  /** @param reach how far behind the last byte given an offset may lie that is still to be placed */
  constructor(claims: CharsetClaims, reach: number) {
    this.#claims = claims
    this.#places = new Places(reach)
  }

  /** Where in the file the byte stands that has this offset in UTF-8. */
  placeOf(offset: number): number {
    return this.#places.of(offset)
  }

  /** Characters that are not of the charset come out as U+FFFD: the name of the charset, if that can be. */
  get replaces(): string | undefined {
    return this.#decoder === undefined ? undefined : this.#charset
  }

  push(chunk: Buffer): Buffer[] {
    if (this.#state === 'utf8') return [chunk]
    if (this.#state === 'decoding') return this.#decode(chunk)
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#state === 'head' && this.#waitingBytes < HEAD_BYTES) return []
    return this.#advance(false)
  }

  finish(): Buffer[] {
    const rest = this.#state === 'utf8' || this.#state === 'decoding' ? [] : this.#advance(true)
    const end = this.#decoder?.decode() ?? ''
    return end === '' ? rest : [...rest, Buffer.from(end)]
  }

  /** What waits, as far as it can be told what it is. */
  #advance(isEnd: boolean): Buffer[] {
    const bytes = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    if (this.#state === 'head') return this.#readHead(bytes, isEnd)
    return this.#state === 'ascii' ? this.#passAscii(bytes, isEnd) : this.#sample(bytes, isEnd)
  }

  #readHead(bytes: Buffer, isEnd: boolean): Buffer[] {
    const mark = markOf(bytes)
    const charset = mark?.charset ?? unmarkedUtf16(bytes)
    const head = charset?.startsWith('utf-16')
      ? Buffer.from(new TextDecoder(charset).decode(bytes.subarray(mark?.length ?? 0, HEAD_BYTES)))
      : bytes.subarray(mark?.length ?? 0, HEAD_BYTES)
    const { transport, declared, expected } = this.#claims
    this.#said = [
      { by: 'the server says', label: transport },
      { by: 'it declares', label: declared(head) },
      { by: 'expected was', label: expected }
    ].flatMap(({ by, label }) => (label === undefined ? [] : [{ by, label, charset: charsetNamed(label) }]))
    if (charset !== undefined) return this.#settle(charset, bytes, mark?.length ?? 0)
    if (this.#said.every((said) => said.charset === 'utf-8')) return this.#settle('utf-8', bytes)
    if (this.#said[0]?.charset === 'iso-2022-jp') return this.#settle('iso-2022-jp', bytes)
    this.#state = 'ascii'
    return this.#passAscii(bytes, isEnd)
  }

  #passAscii(bytes: Buffer, isEnd: boolean): Buffer[] {
    if (isAscii(bytes)) {
      if (isEnd) this.#noteLie('utf-8', isUtf16)
      this.#source += bytes.length
      return [bytes]
    }
    const beyond = bytes.findIndex((byte) => byte > 0x7f)
    const plain = bytes.subarray(0, beyond)
    this.#source += beyond
    this.#state = 'sample'
    return [plain, ...this.#sample(bytes.subarray(beyond), isEnd)]
  }

  #sample(bytes: Buffer, isEnd: boolean): Buffer[] {
    if (bytes.length < SAMPLE_BYTES && !isEnd) {
      this.#waiting = [bytes]
      this.#waitingBytes = bytes.length
      return []
    }
    if (looksLikeUtf8(bytes.subarray(0, SAMPLE_BYTES))) return this.#settle('utf-8', bytes)
    const other = this.#said.find(
      ({ charset }) => charset !== 'utf-8' && !isUtf16(charset) && charset !== undefined
    )?.charset
    if (other !== undefined) return this.#settle(other, bytes)
    const unknown = this.#said.find(({ charset }) => charset === undefined)?.label ?? ''
    this.#state = 'utf8'
    this.fault = `the file is not UTF-8, and nobody here knows the charset "${unknown}"`
    return []
  }

  /** From here on the file is read as `charset`; `skip` is the length of the mark. */
  #settle(charset: string, bytes: Buffer, skip = 0): Buffer[] {
    const rest = bytes.subarray(skip)
    if (charset.startsWith('utf-32')) {
      this.#state = 'utf8'
      this.fault = 'the file is UTF-32; ask the vendor for UTF-8'
      return []
    }
    this.#charset = charset
    this.#noteLie(charset)
    this.#places.begin(this.#source, this.#source + skip, widthOf(charset))
    this.#state = charset === 'utf-8' ? 'utf8' : 'decoding'
    if (charset === 'utf-8') return [rest]
    this.#decoder = new TextDecoder(charset, { ignoreBOM: true })
    return this.#decode(rest)
  }

  #decode(bytes: Buffer): Buffer[] {
    const text = this.#decoder?.decode(bytes, { stream: true }) ?? ''
    if (text === '') return []
    const utf8 = encodeUtf8(text)
    this.#places.add(utf8)
    return [utf8]
  }

  /** `isWorthIt`: which wrong claims are worth a word. */
  #noteLie(charset: string, isWorthIt: (claim: string | undefined) => boolean = () => true): void {
    const wrong = this.#said.filter(
      (said) => said.by !== 'expected was' && !isSameCharset(said.charset, charset) && isWorthIt(said.charset)
    )
    if (wrong.length === 0) return
    const claims = wrong.map(({ by, label }) => `${by} "${label.slice(0, 40)}"`).join(', ')
    this.lie = `The file is read as ${charset}, which its bytes are; ${claims}`
  }
}

const isUtf16 = (charset: string | undefined): boolean => charset?.startsWith('utf-16') === true

/** `utf-16` alone is little-endian to the standard, and either to everybody else. */
const isSameCharset = (said: string | undefined, used: string): boolean =>
  said === used || (said !== undefined && said.startsWith('utf-16') && used.startsWith('utf-16'))
