import { writeXlsx } from 'hucre'
import { describe, expect, test } from 'vitest'
import type { SheetLayout } from './layout.ts'
import { hashOf, parseRecord } from './parse-record.ts'
import { readRecords } from './read-records.ts'
import type { RecordEvent } from './record-events.ts'

const LAYOUT: SheetLayout = { kind: 'sheet', columns: 'header' }

const collect = async (bytes: Uint8Array, layout: SheetLayout): Promise<RecordEvent[]> => {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000)
  }
  const events: RecordEvent[] = []
  for await (const event of readRecords(stream(), layout)) events.push(event)
  return events
}

const read = async (bytes: Uint8Array, layout = LAYOUT) => {
  const events = await collect(bytes, layout)
  const records = events.flatMap((event) => (event.kind === 'record' ? [event] : []))
  return {
    values: records.map((record) => parseRecord(record, layout).value),
    rows: records.map(({ offset }) => offset),
    hashes: records.map(hashOf),
    end: events.at(-1)
  }
}

const ROWS = [
  ['id', 'title', 'price', 'free', 'seen', ''],
  ['007', ' Къща ', 120_000.5, true, new Date(Date.UTC(2026, 2, 1, 10, 30))],
  [],
  ['8', 'b']
]
const WORKBOOK = await writeXlsx({
  sheets: [
    { name: 'Offers', rows: ROWS },
    {
      name: 'Other',
      rows: [
        ['x', 'y'],
        [1, 2]
      ]
    }
  ]
})

describe('a workbook', () => {
  test('is its first sheet: text as text, numbers as numbers, times as the clock shows them', async () => {
    const { values, rows, end } = await read(WORKBOOK)
    expect(values).toEqual([
      { id: '007', title: 'Къща', price: 120_000.5, free: true, seen: '2026-03-01T10:30:00' },
      { id: '8', title: 'b', price: '', free: '', seen: '' }
    ])
    expect(rows).toEqual([2, 4])
    expect(end).toMatchObject({ complete: true, records: 2, bytes: WORKBOOK.length })
  })

  test('is the sheet that is named, with columns that are given or numbered', async () => {
    expect((await read(WORKBOOK, { ...LAYOUT, sheet: 'Other' })).values).toEqual([{ x: 1, y: 2 }])
    expect((await read(WORKBOOK, { kind: 'sheet', columns: ['a', ''], sheet: 'Other' })).values).toEqual([
      { a: 'x' },
      { a: 1 }
    ])
    expect((await read(WORKBOOK, { kind: 'sheet', columns: 'numbered', sheet: 'Other' })).values).toEqual([
      { 1: 'x', 2: 'y' },
      { 1: 1, 2: 2 }
    ])
  })

  test('of thousands of rows comes in batches', async () => {
    const many = Array.from({ length: 3_000 }, (_, id) => [id, `offer ${id}`])
    const { values, end } = await read(
      await writeXlsx({ sheets: [{ name: 'a', rows: [['id', 't'], ...many] }] })
    )
    expect(values).toHaveLength(3_000)
    expect(values.at(-1)).toEqual({ id: 2_999, t: 'offer 2999' })
    expect(end).toMatchObject({ complete: true })
  })

  test('says the same in the same words: hashes are of rows and names', async () => {
    const again = await writeXlsx({ sheets: [{ name: 'New', rows: [...ROWS, ['9', 'c']] }] })
    const before = await read(WORKBOOK)
    const after = await read(again)
    expect(after.hashes.slice(0, 2)).toEqual(before.hashes)
  })

  test.each<[string, () => Uint8Array | Promise<Uint8Array>, string, Partial<SheetLayout>?]>([
    ['empty', () => new Uint8Array(), 'FEED_EMPTY'],
    ['HTML', () => Buffer.from('<html><body>'), 'FEED_NOT_SHEET'],
    ['cut short', () => WORKBOOK.subarray(0, WORKBOOK.length - 100), 'FEED_NOT_SHEET'],
    ['without that sheet', () => WORKBOOK, 'FEED_ROOT', { sheet: 'Nope' }],
    [
      'with a column twice',
      () =>
        writeXlsx({
          sheets: [
            {
              name: 'a',
              rows: [
                ['x', 'x'],
                [1, 2]
              ]
            }
          ]
        }),
      'FEED_COLUMNS'
    ],
    ['of blank rows', () => writeXlsx({ sheets: [{ name: 'a', rows: [['', '']] }] }), 'FEED_EMPTY'],
    ['too large', () => new Uint8Array(65 * 1024 * 1024), 'FEED_TOO_LARGE']
  ])('%s: nothing is read', async (_name, make, code, layout = {}) => {
    const { values, end } = await read(await make(), { ...LAYOUT, ...layout })
    expect(values).toEqual([])
    expect(end).toMatchObject({ complete: false, fault: { code } })
  })
})
