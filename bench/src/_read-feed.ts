import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import sax from 'sax'
import { SaxesParser } from 'saxes'
import { createDb } from '@sluice/prisma/client'
import { findFormat } from '@sluice/shared/formats'
import { hashOf, parseRecord, readRecords, type RawRecord, type RecordEvent } from '@sluice/shared/records'
import { skipKnown } from './_known-feed.ts'
import { peakMb } from './_memory.ts'
import { LIST_NAMES, readWholeFile } from './_whole-file.ts'

/**
 * One reading of one Kyero file, in a process of its own so that its memory is its own:
 * `node _read-feed.ts <reader> <file> [--digest | <url of a database that knows the file>]` writes a line of JSON, a `Reading`.
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

const kyero = findFormat('kyero')
if (kyero?.feed?.records.kind !== 'xml') throw new Error('there is no format "kyero" with a feed of XML')
const format = { ...kyero, feed: kyero.feed }
const selector = kyero.feed.records

/** As the scheduler reads. */
const READ_BYTES = 256 * 1024

const eventsOf = (file: string): AsyncGenerator<RecordEvent> =>
  readRecords(createReadStream(file, { highWaterMark: READ_BYTES }), selector)

const rawRecords = async function* (file: string): AsyncGenerator<RawRecord> {
  for await (const event of eventsOf(file)) {
    if (event.kind === 'record') yield event
  }
}

/** Ours, when nothing of a file is known: the scanner, then each record taken apart. */
const cold: Reader = async (file, onRecord) => {
  for await (const raw of rawRecords(file)) onRecord(parseRecord(raw, selector).value)
}

/** Ours, as far as it takes to know whether a record is new. */
const hashed: Reader = async (file, onRecord) => {
  for await (const raw of rawRecords(file)) onRecord(hashOf(raw))
}

/** Ours, when everything of a file is known: the scheduler's diff and its questions to Postgres, nothing is parsed. */
const unchanged: Reader = async (file, onRecord) => {
  const db = createDb({ url: option ?? '', poolSize: 2, applicationName: 'bench' })
  const skipped = await skipKnown(db, eventsOf(file), format)
  for (let index = 0; index < skipped; index++) onRecord(undefined)
  await db.close()
}

type Plain = { [name: string]: string | Plain | (string | Plain)[] }

const [path = []] = selector.paths
const RECORD_DEPTH = path.length

/**
 * What one would write for this one format: a parser over the whole file, an object a record. Does less than ours:
 * the first character it does not like ends the file.
 */
const saxesOnePass: Reader = async (file, onRecord) => {
  const parser = new SaxesParser({ xmlns: false, position: false })
  const builder = createBuilder(onRecord)
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name: tag, attributes }) => builder.open(tag, attributes))
  parser.on('text', builder.text)
  parser.on('cdata', builder.text)
  parser.on('closetag', builder.close)
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: READ_BYTES })) {
    parser.write(String(chunk))
  }
  parser.close()
}

/** The same with the parser most would take. */
const saxOnePass: Reader = async (file, onRecord) => {
  const parser = sax.parser(true)
  const builder = createBuilder(onRecord)
  Object.assign(parser, {
    onerror: (error: Error) => {
      throw error
    },
    onopentag: (tag: { name: string; attributes: Record<string, string> }) =>
      builder.open(tag.name, tag.attributes),
    ontext: builder.text,
    oncdata: builder.text,
    onclosetag: builder.close
  })
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: READ_BYTES })) {
    parser.write(String(chunk))
  }
  parser.close()
}

/** Events of a parser → an object a record. */
const createBuilder = (onRecord: OnRecord) => {
  const stack: { name: string; text: string; children: Plain | undefined }[] = []
  return {
    open: (tag: string, attributes: Record<string, string>): void => {
      let children: Plain | undefined
      for (const key in attributes) (children ??= {})[`@${key}`] = attributes[key] ?? ''
      stack.push({ name: tag, text: '', children })
    },
    text: (piece: string): void => {
      const open = stack.at(-1)
      if (open !== undefined) open.text += piece
    },
    close: (): void => {
      const closed = stack.pop()
      if (closed === undefined) return
      const { name: tag, children } = closed
      const text = closed.text.trim()
      if (children !== undefined && text !== '') children['#text'] = text
      const value = children ?? text
      if (stack.length === RECORD_DEPTH - 1) {
        if (tag === path.at(-1)) onRecord(value)
        return
      }
      const parent = stack.at(-1)
      if (parent === undefined || stack.length < RECORD_DEPTH) return
      const siblings = (parent.children ??= {})
      const present = siblings[tag]
      if (Array.isArray(present)) present.push(value)
      else if (present !== undefined) siblings[tag] = [present, value]
      else siblings[tag] = LIST_NAMES.has(tag) ? [value] : value
    }
  }
}

/** It cannot stream. */
const fastXmlParser: Reader = async (file, onRecord) => {
  for (const record of await readWholeFile(file)) onRecord(record)
}

const READERS = {
  cold,
  hashed,
  unchanged,
  'saxes-one-pass': saxesOnePass,
  sax: saxOnePass,
  'fast-xml-parser': fastXmlParser
}

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
