import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { XMLParser } from 'fast-xml-parser'
import { SaxesParser } from 'saxes'
import { findFormat } from '@sluice/shared/formats'
import { hashOf, parseRecord, readRecords, type RawRecord } from '@sluice/shared/records'

/**
 * One reading of one Kyero file, in a process of its own so that its memory is its own:
 * `node _read-feed.ts <reader> <file>` writes a line of JSON, a `Reading`.
 */
export interface Reading {
  records: number
  /** Of the reading alone, without starting Node. */
  ms: number
  /** Largest resident set of the process. */
  peakMb: number
  /** Of the records' JSON, with `--digest`: readers that agree have the same. Takes time. */
  digest?: string
}

export type ReaderName = keyof typeof READERS

type OnRecord = (record: unknown) => void
type Reader = (file: string, onRecord: OnRecord) => Promise<void>

const kyero = findFormat('kyero')?.feed?.records
if (kyero?.kind !== 'xml') throw new Error('there is no format "kyero" with a feed of XML')
const selector = kyero

/** As the scheduler reads. */
const READ_BYTES = 256 * 1024

const rawRecords = async function* (file: string): AsyncGenerator<RawRecord> {
  for await (const event of readRecords(createReadStream(file, { highWaterMark: READ_BYTES }), selector)) {
    if (event.kind === 'record') yield event
  }
}

/** Ours, when nothing of a file is known: the scanner, then saxes a record. */
const cold: Reader = async (file, onRecord) => {
  for await (const raw of rawRecords(file)) onRecord(parseRecord(raw, selector).value)
}

/** Ours, when everything of a file is known: hashes are looked up, nothing is parsed. */
const unchanged: Reader = async (file, onRecord) => {
  for await (const raw of rawRecords(file)) onRecord(hashOf(raw))
}

type Plain = { [name: string]: string | Plain | (string | Plain)[] }

/** Elements that are lists by name alone: as little as a program for this one format needs to know. */
const LIST_NAMES = new Set(selector.lists.map((path) => path.at(-1) ?? ''))
const [path = []] = selector.paths
const RECORD_DEPTH = path.length

/**
 * What one would write for this one format: a parser over the whole file, an object a record. Does less than ours:
 * the first character it does not like ends the file.
 */
const saxesOnePass: Reader = async (file, onRecord) => {
  const parser = new SaxesParser({ xmlns: false, position: false })
  const stack: { name: string; text: string; children: Plain | undefined }[] = []
  const onText = (piece: string): void => {
    const open = stack.at(-1)
    if (open !== undefined) open.text += piece
  }
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => {
    let children: Plain | undefined
    for (const key in attributes) (children ??= {})[`@${key}`] = attributes[key] ?? ''
    stack.push({ name, text: '', children })
  })
  parser.on('text', onText)
  parser.on('cdata', onText)
  parser.on('closetag', () => {
    const closed = stack.pop()
    if (closed === undefined) return
    const { name, children } = closed
    const text = closed.text.trim()
    if (children !== undefined && text !== '') children['#text'] = text
    const value = children ?? text
    if (stack.length === RECORD_DEPTH - 1) {
      if (name === path.at(-1)) onRecord(value)
      return
    }
    const parent = stack.at(-1)
    if (parent === undefined || stack.length < RECORD_DEPTH) return
    const siblings = (parent.children ??= {})
    const present = siblings[name]
    if (Array.isArray(present)) present.push(value)
    else if (present !== undefined) siblings[name] = [present, value]
    else siblings[name] = LIST_NAMES.has(name) ? [value] : value
  })
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: READ_BYTES })) {
    parser.write(String(chunk))
  }
  parser.close()
}

/** It cannot stream: the file as one text, then all of its objects. */
const fastXmlParser: Reader = async (file, onRecord) => {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    htmlEntities: true,
    isArray: (name) => LIST_NAMES.has(name)
  })
  const { root } = parser.parse(await readFile(file, 'utf8')) as { root: { property: unknown[] } }
  for (const record of root.property) onRecord(record)
}

const READERS = { cold, unchanged, 'saxes-one-pass': saxesOnePass, 'fast-xml-parser': fastXmlParser }

/** The same whatever order a reader puts names in. */
const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, canonical(inner)])
  )
}

/** Linux counts the peak a program; elsewhere `maxRSS` may include what stood in the process before it. */
const peakMb = async (): Promise<number> => {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '') // another system
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS
  return Number(kilobytes) / 1024
}

const [name = '', file = '', option] = process.argv.slice(2)
if (!Object.hasOwn(READERS, name)) throw new Error(`there is no reader "${name}"`)
const hash = createHash('sha256')
let records = 0
const startedAt = performance.now()
await READERS[name as ReaderName](file, (record) => {
  records += 1
  if (option === '--digest') hash.update(JSON.stringify(canonical(record)))
})
const reading: Reading = {
  records,
  ms: performance.now() - startedAt,
  peakMb: await peakMb(),
  ...(option === '--digest' ? { digest: hash.digest('hex') } : {})
}
console.log(JSON.stringify(reading))
