import { describe, expect, test } from 'vitest'
import type { XmlLayout } from './layout.ts'
import { hashOf, parseRecord, readHead } from './parse-record.ts'
import type { ScannedEvent } from './record-events.ts'
import { XmlScanner } from './xml-scanner.ts'

/** Where records are and what stands around them, by layout; each file is cut at every byte. */

const scan = (chunks: readonly Buffer[], layout: XmlLayout, maxRecordBytes?: number): ScannedEvent[] => {
  const scanner = new XmlScanner(layout, maxRecordBytes === undefined ? {} : { maxRecordBytes })
  return [...chunks.flatMap((chunk) => [...scanner.push(chunk)]), ...scanner.finish()]
}

const eventsOf = (xml: string, layout: XmlLayout, maxRecordBytes?: number): ScannedEvent[] => {
  const bytes = Buffer.from(xml)
  const whole = scan([bytes], layout, maxRecordBytes)
  for (let cut = 1; cut < bytes.length; cut++) {
    const parts = scan([bytes.subarray(0, cut), bytes.subarray(cut)], layout, maxRecordBytes)
    expect(parts, `cut at byte ${cut}`).toEqual(whole)
  }
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  expect(scan(single, layout, maxRecordBytes), 'byte by byte').toEqual(whole)
  return whole
}

const read = (xml: string, layout: XmlLayout, maxRecordBytes?: number) => {
  const events = eventsOf(xml, layout, maxRecordBytes)
  return {
    records: events.flatMap((event) => (event.kind === 'record' ? [parseRecord(event, layout).value] : [])),
    malformed: events.flatMap((event) =>
      event.kind === 'malformed' ? [`${event.code}@${event.offset}`] : []
    ),
    heads: events.flatMap((event) =>
      event.kind === 'malformed' && event.head !== undefined ? [readHead(event.head, layout)] : []
    ),
    end: events.at(-1)
  }
}

const layout = (...paths: string[]): XmlLayout => ({
  kind: 'xml',
  paths: paths.map((path) => path.split('/')),
  lists: []
})

describe('where records are', () => {
  const list = layout('list/home', 'list/land', 'home', 'land')

  test('at several paths, one of them the root: each says what it is called', () => {
    expect(read('<list><home><id>1</id></home><other/><land/><home/></list>', list)).toMatchObject({
      records: [{ '#element': 'home', id: '1' }, { '#element': 'land' }, { '#element': 'home' }],
      end: { complete: true }
    })
    expect(read('<land><id>7</id><home>inside</home></land>', list)).toMatchObject({
      records: [{ '#element': 'land', id: '7', home: 'inside' }],
      end: { complete: true }
    })
    expect(read('<home/>', list)).toMatchObject({
      records: [{ '#element': 'home' }],
      end: { complete: true }
    })
    expect(read('<feed><home/></feed>', list).end).toMatchObject({
      fault: { code: 'FEED_ROOT', message: expect.stringContaining('<list> or <home> or <land>') }
    })
  })

  test('in different elements', () => {
    const daft = layout('daft/sales/ad', 'daft/lettings/flat')
    expect(
      read(
        '<daft><sales><ad>1</ad><flat>no</flat></sales><lettings><ad/><flat>2</flat></lettings></daft>',
        daft
      )
    ).toMatchObject({
      records: [
        { '#element': 'ad', '#text': '1' },
        { '#element': 'flat', '#text': '2' }
      ],
      end: { complete: true }
    })
  })

  test('any child of an element, but those that are none', () => {
    const any: XmlLayout = {
      ...layout('t/agency/*'),
      except: ['contact'],
      context: { name: ['t', 'agency', 'name'], id: ['t', 'agency', '@id'] }
    }
    const xml = '<t><agency id="7"><name>A</name><contact/><Flat x="1"/><House><Flat/></House></agency></t>'
    const around = { '#context': { name: 'A', id: '7' } }
    expect(read(xml, any)).toMatchObject({
      records: [
        { '#element': 'Flat', ...around, '@x': '1' },
        { '#element': 'House', ...around, Flat: '' }
      ],
      end: { complete: true }
    })
  })
})

describe('what stands around them', () => {
  const immo: XmlLayout = {
    ...layout('openimmo/anbieter/immobilie'),
    context: {
      agency: ['openimmo', 'anbieter', 'firma'],
      address: ['openimmo', 'anbieter', 'kontakt'],
      number: ['openimmo', 'anbieter', '@nr'],
      sender: ['openimmo', 'uebertragung', '@sender']
    },
    generatedAt: ['openimmo', 'uebertragung', '@timestamp'],
    count: ['openimmo', 'anzahl'],
    extent: { path: ['openimmo', 'uebertragung', '@umfang'], full: ['VOLL'], part: ['TEIL'] }
  }
  const file = (extent: string, count: number): string =>
    `<openimmo><uebertragung sender="x&amp;y" umfang="${extent}" timestamp="2026-11-02T10:00:00"/>
    <anzahl>${count}</anzahl>
    <anbieter nr="1"><firma>A &amp; B</firma><kontakt><ort>Wien</ort></kontakt>
    <immobilie>1</immobilie><immobilie>2</immobilie></anbieter>
    <anbieter><firma/><immobilie>3</immobilie></anbieter></openimmo>`

  test('comes with each record it holds for, and with no other', () => {
    const { records, end } = read(file('VOLL', 3), immo)
    const first = { agency: 'A & B', address: { ort: 'Wien' }, number: '1', sender: 'x&y' }
    expect(records).toEqual([
      { '#context': first, '#text': '1' },
      { '#context': first, '#text': '2' },
      { '#context': { agency: '', sender: 'x&y' }, '#text': '3' }
    ])
    expect(end).toMatchObject({ complete: true, extent: 'full' })
  })

  test('is part of the hash', () => {
    const hashes = (xml: string): string[] =>
      scan([Buffer.from(xml)], immo).flatMap((event) => (event.kind === 'record' ? [hashOf(event)] : []))
    const before = hashes(file('VOLL', 3))
    const after = hashes(file('VOLL', 3).replace('Wien', 'Graz'))
    expect(after[2]).toBe(before[2])
    expect(after[0]).not.toBe(before[0])
    expect(hashes(file('TEIL', 3))).toEqual(before)
  })

  test.each([
    ['teil', 3, { complete: true, extent: 'part' }],
    ['LEER', 3, { complete: true }],
    ['VOLL', 4, { complete: false, fault: { code: 'FEED_COUNT' }, extent: 'full' }],
    ['VOLL', 2, { complete: false, fault: { code: 'FEED_COUNT' } }]
  ])('umfang %s, anzahl %d', (extent, count, end) => {
    const found = read(file(extent, count), immo).end
    expect(found).toMatchObject(end)
    if (extent === 'LEER') expect(found).not.toHaveProperty('extent')
  })

  test('a damaged one is a damaged file, and no record', () => {
    const { records, end } = read(file('VOLL', 3).replace('</firma>', ''), immo)
    expect(end).toMatchObject({ complete: false, fault: { code: 'FEED_STRUCTURE' } })
    expect(records).toHaveLength(3)
  })
})

describe('damage among records of several names', () => {
  const list = layout('list/home', 'list/land')

  test('an unclosed one costs itself, and what of it is certain is known', () => {
    const xml =
      '<list><home><id>1</id></home><land><id>5</id><home><id>2</id></home><land><id>3</id></land></list>'
    expect(read(xml, list)).toMatchObject({
      records: [{ id: '1' }, { id: '2' }, { id: '3' }],
      malformed: [`RECORD_NOT_CLOSED@${xml.indexOf('<land>')}`],
      heads: [{ id: '5' }],
      end: { complete: true }
    })
  })

  test('so does one that is too large', () => {
    const xml = `<list><home><id>1</id></home><land><id>5</id><![CDATA[${'x'.repeat(60)}<home><id>2</id></home></list>`
    expect(read(xml, list, 50)).toMatchObject({
      records: [{ id: '1' }, { id: '2' }],
      malformed: [`RECORD_TOO_LARGE@${xml.indexOf('<land>')}`],
      heads: [{ id: '5' }]
    })
  })

  test('where any child is a record, an unclosed one may hide others: nothing is certain', () => {
    const any = layout('list/*')
    const found = read('<list><a><id>1</id></a><b><id>5</id><c><id>6</id></c></list>', any)
    expect(found.records).toMatchObject([{ id: '1' }])
    expect(found.malformed).toHaveLength(1)
    expect(found.heads).toEqual([])
  })
})

test.each([
  ['<offer><id>5</id><t>B & B</t></offer>', { id: '5' }],
  ['<offer a="7"><g><id>5</id><x></g></offer>', { '@a': '7', g: { id: '5' } }],
  [
    '<offer><id>5</id><i><u>1</u></i><i><u>2</u><t>&</t></i></offer>',
    { id: '5', i: [{ u: '1' }, { u: '2' }] }
  ],
  ['<offer><t>&</t><id>5</id></offer>', {}],
  ['<offer><id>5', {}],
  ['<offer><id>5\xff', {}],
  ['<of', undefined]
])('what is certain of %j', (text, head) => {
  expect(readHead(Buffer.from(text, 'latin1'), layout('root/offer'))).toEqual(head)
})
