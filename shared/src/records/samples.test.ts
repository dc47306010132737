import { createReadStream, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { valueAt } from '../formats/format.ts'
import type { Path, RecordLayout } from './layout.ts'
import { parseRecord } from './parse-record.ts'
import { readPlainXml } from './plain-xml.ts'
import { readRecords } from './read-records.ts'
import type { RawRecord, RecordEvent } from './record-events.ts'

/**
 * Files of other people's programs, read by configuration alone; what they hold was counted by another parser
 * (expected.json). They may not be copied into the project: without them these tests are skipped.
 */
const SAMPLES = join(import.meta.dirname, '../../../../shared/samples')

interface Expected {
  file: string
  format: string
  wellFormed?: boolean
  records: number
  recordPaths?: string[]
  ids: (string | null)[]
  columns?: string[]
}

const REAXML_KINDS = [
  'residential',
  'rental',
  'land',
  'rural',
  'commercial',
  'commercialLand',
  'business',
  'holidayRental'
]

/** A format as this suite needs it: where its records are, and what their ids are. */
const FORMATS: Record<string, { layout: RecordLayout; id: Path }> = {
  kyero: { layout: { kind: 'xml', paths: [['root', 'property']], lists: [] }, id: ['id'] },
  openimmo: {
    layout: {
      kind: 'xml',
      paths: [['openimmo', 'anbieter', 'immobilie']],
      lists: [],
      context: { agency: ['openimmo', 'anbieter', 'firma'] },
      extent: { path: ['openimmo', 'uebertragung', '@umfang'], full: ['VOLL'], part: ['TEIL'] }
    },
    id: ['verwaltung_techn', 'openimmo_obid']
  },
  reaxml: {
    // Some files hold one record, which is their root.
    layout: {
      kind: 'xml',
      paths: REAXML_KINDS.flatMap((kind) => [['propertyList', kind], [kind]]),
      lists: []
    },
    id: ['uniqueID']
  },
  yandex_yrl: { layout: { kind: 'xml', paths: [['realty-feed', 'offer']], lists: [] }, id: ['@internal-id'] },
  trovit: { layout: { kind: 'xml', paths: [['trovit', 'ad']], lists: [] }, id: ['id'] },
  immoscout24: {
    layout: { kind: 'xml', paths: [['IS24ImmobilienTransfer', 'Anbieter', '*']], lists: [] },
    id: ['@AnbieterObjektID']
  },
  blm: { layout: { kind: 'blm' }, id: ['AGENT_REF'] },
  idealista: {
    layout: {
      kind: 'json',
      path: ['customerProperties'],
      context: { customer: ['customerReference'] },
      generatedAt: ['customerSendDate']
    },
    id: ['propertyCode']
  }
}

const read = async (file: string, layout: RecordLayout): Promise<RecordEvent[]> => {
  const events: RecordEvent[] = []
  for await (const event of readRecords(
    createReadStream(join(SAMPLES, file), { highWaterMark: 997 }),
    layout
  )) {
    events.push(event)
  }
  return events
}

const isThere = existsSync(join(SAMPLES, 'expected.json'))
const expected: Expected[] = isThere ? JSON.parse(await readFile(join(SAMPLES, 'expected.json'), 'utf8')) : []

const textAt = (record: unknown, path: Path): unknown => {
  const value = valueAt(record, path)
  return typeof value === 'object' ? valueAt(value, ['#text']) : value
}

describe('samples', () => {
  beforeEach(({ skip }) => skip(!isThere, 'the samples are not part of the repository'))

  test.each(expected.filter(({ wellFormed = true }) => wellFormed))('$file', async (sample) => {
    const { layout, id } = FORMATS[sample.format] ?? {}
    if (layout === undefined || id === undefined) throw new Error(`${sample.format} has no layout here`)
    const events = await read(sample.file, layout)
    const records = events.filter((event) => event.kind === 'record')
    const values = records.map((record) => parseRecord(record, layout).value)

    expect(records).toHaveLength(sample.records)
    expect(values.map((value) => textAt(value, id) ?? null)).toEqual(sample.ids)
    expectPaths(records, layout, sample.recordPaths ?? [])
    if (sample.columns !== undefined) expect(Object.keys(values[0] as object)).toEqual(sample.columns)
    const end = events.at(-1)
    if (sample.records > 0) expect(end).toMatchObject({ complete: true, malformed: 0 })
    else expect(end).toMatchObject({ complete: false, fault: { code: 'FEED_ROOT' } })
  })

  test('what is not well-formed costs what it is in', async () => {
    const { layout, id } = FORMATS['reaxml'] as (typeof FORMATS)[string]
    const broken = expected.filter(({ wellFormed }) => wellFormed === false)
    expect(broken.map(({ file }) => file)).toEqual(['reaxml/REA-InvalidCharacter.xml'])
    for (const { file } of broken) {
      const [record, end] = await read(file, layout)
      expect(end).toMatchObject({ complete: true, records: 1 })
      const { value, warning } = parseRecord(record as RawRecord, layout)
      expect(warning).toMatchObject({ code: 'RECORD_SALVAGED' })
      expect(textAt(value, id)).toBe('Residential-Current-ABCD1234')
    }
  })

  test('almost every record of XML is plain', async () => {
    let records = 0
    let plain = 0
    for (const { file, format } of expected) {
      const layout = FORMATS[format]?.layout
      if (layout?.kind !== 'xml') continue
      for (const event of await read(file, layout)) {
        if (event.kind !== 'record') continue
        records += 1
        if (readPlainXml(event.bytes.toString(), undefined) !== undefined) plain += 1
      }
    }
    expect(records).toBeGreaterThan(90)
    expect(plain / records).toBeGreaterThan(0.95)
  })

  test('a legacy workbook', async () => {
    const layout: RecordLayout = { kind: 'sheet', columns: 'numbered', sheet: 'description IDX3.01' }
    const events = await read('legacy-xls/idx-format-v3.01_v015.xls', layout)
    expect(events.filter(({ kind }) => kind === 'record').length).toBeGreaterThan(150)
    expect(events.at(-1)).toMatchObject({ complete: true, malformed: 0 })
  })

  test('what stands around the records comes with them', async () => {
    const { layout } = FORMATS['openimmo'] as (typeof FORMATS)[string]
    const events = await read('openimmo/openimmo-1-2-7-upgrade.xml', layout)
    const first = events.find((event) => event.kind === 'record')
    expect(first && parseRecord(first, layout).value).toMatchObject({
      '#context': { agency: 'first agency' }
    })
    const idealista = FORMATS['idealista'] as (typeof FORMATS)[string]
    const [at, property] = await read('idealista/idealista-properties.json', idealista.layout)
    expect(at).toEqual({ kind: 'generatedAt', value: '2017/05/16 16:50:12' })
    expect(parseRecord(property as RawRecord, idealista.layout).value).toMatchObject({
      '#context': { customer: 'external software reference' },
      propertyCode: '001'
    })
  })
})

/** Where a file's records stand is what the layout declares, and what each is called is in the record. */
const expectPaths = (records: readonly RawRecord[], layout: RecordLayout, paths: readonly string[]): void => {
  if (layout.kind !== 'xml') return
  const declared = new Set(layout.paths.map((path) => path.join('/')))
  for (const path of paths) {
    expect(declared.has(path) || declared.has(path.replace(/[^/]+$/, '*')), path).toBe(true)
  }
  const names = new Set(records.map(({ element }) => element ?? layout.paths[0]?.at(-1)))
  expect(names).toEqual(new Set(paths.map((path) => path.split('/').at(-1))))
}
