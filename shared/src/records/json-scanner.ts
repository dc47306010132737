import { parseJson } from '../json.ts'
import { htmlFault, isBlank } from './beginning.ts'
import { JsonResync } from './json-resync.ts'
import { JsonValue } from './json-value.ts'
import type { JsonLayout, Path } from './layout.ts'
import type { ScannerOptions } from './record-events.ts'
import { Surroundings, type Wanted } from './surroundings.ts'
import { WindowScanner } from './window-scanner.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const MAX_CONTEXT_BYTES = 64 * 1024
const MAX_OUTER_DEPTH = 64
const ENDS = { object: 0x7d, array: 0x5d } as const

/** An object or list around the records. */
interface Around {
  kind: keyof typeof ENDS
  /** Member names that lead to it; lists add none. */
  names: Path
  /** The items of the list are records. */
  isList: boolean
}

type State =
  | 'value'
  | 'firstItem'
  | 'firstName'
  | 'name'
  | 'colon'
  | 'after'
  | 'inName'
  | 'inValue'
  | 'search'
  | 'end'

/** What the value being read is for; nothing when it is passed over. */
type Purpose = { kind: 'record' } | { kind: 'capture'; wanted: Wanted } | { kind: 'nothing' }

/**
 * A JSON document as it comes → the items of one list in it, their bytes untouched. Only what stands around the list is
 * looked into; inside a record only brackets and quotes count. A record whose brackets do not match, or in which a line
 * ends inside quotes, is damaged; the next one is found by what all records begin with.
 */
export class JsonScanner extends WindowScanner {
  readonly #layout: JsonLayout
  readonly #surroundings: Surroundings
  readonly #value = new JsonValue()
  readonly #resync = new JsonResync()
  #around: Around[] = []
  #state: State = 'value'
  #at = 0
  /** Where the value or name being read began. */
  #start = 0
  #purpose: Purpose = { kind: 'nothing' }
  #name = ''
  #isListSeen = false

  constructor(layout: JsonLayout, options: ScannerOptions) {
    super(options)
    this.#layout = layout
    this.#surroundings = new Surroundings(layout, [layout.path.slice(0, -1)], this.findings)
  }

  protected override read(): void {
    this.#scan()
    this.#letGo()
  }

  protected override readEnd(): void {
    while (!this.isFinished && this.#state === 'inValue' && this.#purpose.kind === 'record') {
      const next = this.#resync.find(this.window, this.#start + 1)
      if (next === undefined) break
      this.#report('RECORD_NOT_CLOSED', 'the record never ends')
      this.#goTo(next)
      this.#scan()
    }
    if (!this.isFinished) this.#endFile()
  }

  #endFile(): void {
    const end = this.window.end
    if (this.#state === 'end') {
      if (!this.#isListSeen) {
        this.fail('FEED_ROOT', 0, `there is nothing at "${this.#layout.path.join('.')}" in the file`)
      }
    } else if (this.#around.length === 0 && this.#state === 'value') {
      this.fail('FEED_EMPTY', 0, 'the file is empty')
    } else {
      this.fail('FEED_CUT_SHORT', end, 'the file ends in the middle')
    }
  }

  #letGo(): void {
    const isKept = this.#state === 'inName' || (this.#state === 'inValue' && this.#purpose.kind !== 'nothing')
    this.window.letGo(isKept ? this.#start : Math.min(this.#at, this.window.end))
  }

  #scan(): void {
    while (this.#at < this.window.end && !this.isFinished) {
      if (this.#state === 'inValue') {
        if (!this.#readValue()) return
      } else if (this.#state === 'inName') {
        if (!this.#readName()) return
      } else if (this.#state === 'search') {
        if (!this.#search()) return
      } else {
        const byte = this.window.bytes[this.#at - this.window.base] as number
        if (isBlank(byte)) this.#at++
        else this.#step(byte)
      }
    }
  }

  #step(byte: number): void {
    const around = this.#around.at(-1)
    switch (this.#state) {
      case 'firstItem':
      case 'firstName':
        if (around !== undefined && byte === ENDS[around.kind]) this.#leave()
        else if (this.#state === 'firstItem') this.#beginValue(byte)
        else this.#beginName(byte)
        return
      case 'value':
        this.#beginValue(byte)
        return
      case 'name':
        this.#beginName(byte)
        return
      case 'colon':
        if (byte !== COLON) this.#unexpected('a colon')
        else this.#moveTo('value')
        return
      case 'after':
        if (around !== undefined && byte === ENDS[around.kind]) this.#leave()
        else if (byte !== COMMA) this.#unexpected('a comma')
        else this.#moveTo(around?.kind === 'object' ? 'name' : 'value')
        return
      default:
        this.fail('FEED_TRAILING', this.#at, 'there is more behind the end of the document')
        this.#at = this.window.end
    }
  }

  #moveTo(state: State): void {
    this.#at++
    this.#state = state
  }

  #unexpected(what: string): void {
    const isFirst = this.#around.length === 0
    this.fail(
      isFirst ? 'FEED_NOT_JSON' : 'FEED_STRUCTURE',
      this.#at,
      `${what} was expected in the JSON around the records`
    )
    if (this.#isInList && this.#resync.isKnown) {
      this.#state = 'search'
    } else {
      this.#at = this.window.end
      this.#state = 'search'
    }
  }

  get #isInList(): boolean {
    return this.#around.at(-1)?.isList === true
  }

  #beginName(byte: number): void {
    if (byte !== QUOTE) {
      this.#unexpected('a name')
      return
    }
    this.#start = this.#at
    this.#value.begin()
    this.#state = 'inName'
  }

  #readName(): boolean {
    const end = this.#value.read(this.window, this.#at)
    this.#at = end.at
    if (end.kind === 'more') return false
    const name = end.kind === 'closed' ? this.#parse(this.#start, end.at) : undefined
    if (typeof name === 'string') {
      this.#name = name
      this.#state = 'colon'
    } else {
      this.#unexpected('a name')
    }
    return true
  }

  #beginValue(byte: number): void {
    const around = this.#around.at(-1)
    const names =
      around === undefined ? [] : around.kind === 'object' ? [...around.names, this.#name] : around.names
    const isOpening = byte === 0x7b || byte === 0x5b
    if (around === undefined && !isOpening) {
      const head = this.window.view(this.#at, this.window.end)
      const html = htmlFault(head)
      if (html !== undefined) this.fail(html.code, this.#at, html.reason)
      else this.fail('FEED_NOT_JSON', this.#at, 'the file is no JSON document')
      return
    }
    const isAtPath = isSame(names, this.#layout.path)
    if (around?.isList === true || (isAtPath && byte === 0x7b)) {
      this.#isListSeen = true
      this.#begin({ kind: 'record' })
      return
    }
    const wanted = this.#surroundings.wanted.find(
      ({ path, use }) => isSame(names, path) && this.#surroundings.isWanted(use)
    )
    if (wanted !== undefined) {
      this.#begin({ kind: 'capture', wanted })
    } else if (isOpening && (isAtPath || this.#leadsOn(names))) {
      this.#enter({ kind: byte === 0x7b ? 'object' : 'array', names, isList: isAtPath })
    } else {
      this.#begin({ kind: 'nothing' })
    }
  }

  /** Whether something that is wanted can stand below. */
  #leadsOn(names: Path): boolean {
    const isBelow = (path: Path): boolean =>
      path.length > names.length && names.every((name, index) => name === path[index])
    return isBelow(this.#layout.path) || this.#surroundings.wanted.some(({ path }) => isBelow(path))
  }

  #enter(around: Around): void {
    this.#around.push(around)
    if (around.isList) this.#isListSeen = true
    if (this.#around.length > MAX_OUTER_DEPTH) this.fail('FEED_STRUCTURE', this.#at, 'it is nested too deep')
    this.#moveTo(around.kind === 'object' ? 'firstName' : 'firstItem')
  }

  #leave(): void {
    this.#around.pop()
    this.#surroundings.leave(this.#around.filter(({ kind }) => kind === 'object').length - 1) // the document itself is no step
    this.#moveTo(this.#around.length === 0 ? 'end' : 'after')
  }

  #begin(purpose: Purpose): void {
    this.#purpose = purpose
    this.#start = this.#at
    this.#value.begin()
    this.#state = 'inValue'
  }

  #readValue(): boolean {
    const isRecord = this.#purpose.kind === 'record'
    const end = this.#value.read(this.window, this.#at)
    this.#at = end.at
    const limit = isRecord ? this.maxRecordBytes : MAX_CONTEXT_BYTES
    if (this.#purpose.kind !== 'nothing' && end.at - this.#start > limit) {
      this.#onDamage('RECORD_TOO_LARGE', `the record is larger than ${limit} bytes, or does not end`)
      return true
    }
    if (end.kind === 'more') return false
    if (end.kind === 'broken') {
      this.#onDamage('RECORD_NOT_CLOSED', 'the brackets or quotes of the record do not match')
      return true
    }
    if (isRecord) this.#addRecord(end.at)
    else if (this.#purpose.kind === 'capture') {
      this.#surroundings.take(this.#purpose.wanted, this.#parse(this.#start, end.at))
    }
    this.#state = this.#around.length === 0 ? 'end' : 'after'
    return true
  }

  #addRecord(end: number): void {
    const bytes = this.window.copy(this.#start, end)
    const { context } = this.#surroundings
    this.#resync.learn(bytes)
    this.findings.addRecord(this.#start, bytes, context === undefined ? {} : { context })
  }

  #onDamage(code: 'RECORD_TOO_LARGE' | 'RECORD_NOT_CLOSED', reason: string): void {
    if (this.#purpose.kind !== 'record') {
      this.fail('FEED_STRUCTURE', this.#start, 'what stands around the records does not end')
      this.#purpose = { kind: 'nothing' }
      this.#state = 'search'
      return
    }
    this.#report(code, reason)
    if (!this.#resync.isKnown) {
      this.fail('FEED_STRUCTURE', this.#start, 'nothing can be read behind the damage')
    }
    this.#at = this.#start + 1
    this.#state = 'search'
  }

  #report(code: 'RECORD_TOO_LARGE' | 'RECORD_NOT_CLOSED', reason: string): void {
    this.findings.addMalformed(code, this.#start, reason)
  }

  #goTo(offset: number): void {
    this.#at = offset
    this.#state = 'value'
  }

  /** To where the next record begins; false when more bytes are needed. */
  #search(): boolean {
    const next = this.#resync.find(this.window, this.#at)
    if (next !== undefined) {
      this.#goTo(next)
      return true
    }
    this.#at = this.#resync.isKnown
      ? Math.max(this.#at, this.window.end - this.#resync.length)
      : this.window.end
    return false
  }

  #parse(start: number, end: number): unknown {
    try {
      return parseJson(this.window.view(start, end).toString('utf8'))
    } catch {
      return undefined
    }
  }
}

const isSame = (a: Path, b: Path): boolean =>
  a.length === b.length && a.every((name, index) => name === b[index])
