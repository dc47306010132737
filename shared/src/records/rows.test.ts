import { describe, expect, test } from 'vitest'
import type { CsvLayout, RecordLayout } from './layout.ts'
import { hashOf, parseRecord } from './parse-record.ts'
import { readRecords, type ReadOptions } from './read-records.ts'
import type { RecordEvent } from './record-events.ts'

/** Files of rows and of JSON, cut at every byte: where a chunk ends must never matter. */

interface Read {
  records: unknown[]
  malformed: string[]
  fault: string | undefined
}

const stream = async function* (chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

const collect = async (
  chunks: readonly Buffer[],
  layout: RecordLayout,
  options: ReadOptions
): Promise<RecordEvent[]> => {
  const events: RecordEvent[] = []
  for await (const event of readRecords(stream(chunks), layout, options)) events.push(event)
  return events
}

const read = async (
  text: string | Buffer,
  layout: RecordLayout,
  options: ReadOptions = {}
): Promise<Read> => {
  const bytes = Buffer.from(text)
  const whole = await collect([bytes], layout, options)
  for (let cut = 1; cut < bytes.length; cut++) {
    const parts = await collect([bytes.subarray(0, cut), bytes.subarray(cut)], layout, options)
    expect(parts, `cut at byte ${cut}`).toEqual(whole)
  }
  const single = await collect(
    Array.from(bytes, (byte) => Buffer.from([byte])),
    layout,
    options
  )
  expect(single, 'byte by byte').toEqual(whole)
  return summaryOf(whole, layout)
}

const summaryOf = (events: readonly RecordEvent[], layout: RecordLayout): Read => {
  const end = events.at(-1)
  if (end?.kind !== 'end') throw new Error('the last event is not the end')
  const ordinals = events.flatMap((event) => ('ordinal' in event ? [event.ordinal] : []))
  expect(ordinals).toEqual(ordinals.map((_, index) => index))
  expect(end.complete).toBe(end.fault === undefined)
  return {
    records: events.flatMap((event) => (event.kind === 'record' ? [valueOf(event, layout)] : [])),
    malformed: events.flatMap((event) =>
      event.kind === 'malformed' ? [`${event.code}@${event.offset}`] : []
    ),
    fault: end.fault?.code
  }
}

const valueOf = (event: Extract<RecordEvent, { kind: 'record' }>, layout: RecordLayout): unknown => {
  try {
    const { value, toBody } = parseRecord(event, layout)
    expect(JSON.parse(toBody().toString())).toBeTypeOf('object')
    return value
  } catch (thrown) {
    return (thrown as { code: string }).code
  }
}

const sound = { malformed: [], fault: undefined }
const CSV: CsvLayout = { kind: 'csv', columns: 'header', delimiter: ';' }

describe('CSV', () => {
  test.each<[string, string, Partial<CsvLayout>]>([
    ['with a header', 'id;title\n1;Къща\n2;b\n', {}],
    ['without a last line end', 'id;title\n1;Къща\n2;b', {}],
    ['with CRLF and blank lines', '\r\nid;title\r\n1;Къща\r\n\r\n2;b\r\n', {}],
    ['with CR alone', 'id;title\r1;Къща\r2;b', {}],
    ['with a mark', '\ufeffid;title\n1;Къща\n2;b', {}],
    ['in quotes', '"id";"title"\n"1";"Къща"\n2;"b"', {}],
    ['with blanks around', ' id ; title\n 1 ; Къща \n2;b', {}],
    ['with given columns', '1;Къща\n2;b', { columns: ['id', 'title'] }],
    ['with a column left out', '1;x;Къща\n2;y;b', { columns: ['id', '', 'title'] }],
    ['with tabs', 'id\ttitle\n1\tКъща\n2\tb', { delimiter: '\t' }],
    ['with other quotes', "id|title\n'1'|'Къща'\n2|b", { delimiter: '|', quote: "'" }]
  ])('%s', async (_name, text, layout) => {
    expect(await read(text, { ...CSV, ...layout })).toEqual({
      ...sound,
      records: [
        { id: '1', title: 'Къща' },
        { id: '2', title: 'b' }
      ]
    })
  })

  test('what quotes may hold', async () => {
    const text = 'id;t\n1;"a;b\nc\r\nd ""e"" f"\n2;""\n3;15 in\n'
    expect(await read(text, CSV)).toEqual({
      ...sound,
      records: [
        { id: '1', t: 'a;b\nc\r\nd "e" f' },
        { id: '2', t: '' },
        { id: '3', t: '15 in' }
      ]
    })
    expect(await read('id;t\n1;"a \\"b\\" ;\\\\"\n', { ...CSV, escape: '\\' })).toEqual({
      ...sound,
      records: [{ id: '1', t: 'a "b" ;\\' }]
    })
    expect(await read('id;t\n1;15" TV "x\n', { ...CSV, quote: false })).toEqual({
      ...sound,
      records: [{ id: '1', t: '15" TV "x' }]
    })
  })

  test('columns called by position, or named like prototypes', async () => {
    expect(await read('I|7\nD|8', { kind: 'csv', columns: 'numbered', delimiter: '|' })).toEqual({
      ...sound,
      records: [
        { 1: 'I', 2: '7' },
        { 1: 'D', 2: '8' }
      ]
    })
    const { records } = await read('__proto__;constructor\n1;2', CSV)
    expect(Object.keys(records[0] as object)).toEqual(['__proto__', 'constructor'])
  })

  test.each<[string, string, Partial<Read>]>([
    ['a cell too many', '5;a;b\n', { records: ['RECORD_COLUMNS'] }],
    ['a cell too few', '5\n', { records: ['RECORD_COLUMNS'] }],
    ['a quote inside a cell', '5;1"5\n', { records: ['RECORD_NOT_WELL_FORMED'] }],
    ['text behind a quote', '5;"a"b\n', { records: ['RECORD_NOT_WELL_FORMED'] }],
    ['a quote that is not closed', '5;"a\n', { records: [], malformed: ['RECORD_NOT_CLOSED@9'] }],
    [
      'a quote that another row closes',
      '5;"a\n6;"b";c',
      { records: ['RECORD_COLUMNS'], malformed: ['RECORD_NOT_CLOSED@9'] }
    ]
  ])('%s costs its row and nothing behind it', async (_name, row, found) => {
    const text = `id;t\n1;a\n${row}${row.endsWith('\n') ? '' : '\n'}9;z\n9;z\n`
    expect(await read(text, CSV)).toEqual({
      ...sound,
      ...found,
      records: [{ id: '1', t: 'a' }, ...(found.records ?? []), { id: '9', t: 'z' }, { id: '9', t: 'z' }]
    })
  })

  test('a row that is too large costs itself', async () => {
    const text = `id;t\n1;a\n5;${'x'.repeat(40)}\n6;"${'y\n'.repeat(20)}"\n9;z`
    const { records, malformed } = await read(text, CSV, { maxRecordBytes: 30 })
    expect(malformed).toContain('RECORD_TOO_LARGE@9')
    expect(records[0]).toEqual({ id: '1', t: 'a' })
    expect(records.at(-1)).toEqual({ id: '9', t: 'z' })
  })

  test.each([
    ['', 'FEED_EMPTY'],
    ['\n\n', 'FEED_EMPTY'],
    ['<!DOCTYPE html>\n<html></html>', 'FEED_HTML'],
    ['id;id\n1;2', 'FEED_COLUMNS'],
    [';\n1;2', 'FEED_COLUMNS'],
    ['id;"t\n', 'FEED_COLUMNS']
  ])('%j is no table: %s', async (text, fault) => {
    expect(await read(text, CSV)).toMatchObject({ records: [], fault })
  })

  test('a last line without its end is cut short where the layout says that it has one', async () => {
    const cut = 'id;price\n1;99000\n2;12500'
    const ending: CsvLayout = { ...CSV, endsInNewline: true }
    expect(await read(cut, ending)).toEqual({
      records: [{ id: '1', price: '99000' }],
      malformed: [],
      fault: 'FEED_CUT_SHORT'
    })
    expect(await read(`${cut}0\r\n`, ending)).toEqual({
      ...sound,
      records: [
        { id: '1', price: '99000' },
        { id: '2', price: '125000' }
      ]
    })
    expect(await read('id;pri', ending)).toMatchObject({ records: [], fault: 'FEED_CUT_SHORT' })
    expect(await read('', ending)).toMatchObject({ fault: 'FEED_EMPTY' })
  })

  test('a header alone is a table of nothing', async () => {
    expect(await read('id;t\n', CSV)).toEqual({ ...sound, records: [] })
  })

  test('the same row under another header is another record', async () => {
    const hash = async (text: string): Promise<string[]> =>
      (await collect([Buffer.from(text)], CSV, {})).flatMap((event) =>
        event.kind === 'record' ? [hashOf(event)] : []
      )
    expect(await hash('a;b\n1;2')).not.toEqual(await hash('b;a\n1;2'))
    expect(await hash('a;b\n1;2')).toEqual(await hash('a;b\r\n1;2\r\n'))
  })
})

describe('BLM', () => {
  const header = (more = ''): string =>
    `#HEADER#\nVERSION: 3\nEOF : '|'\nEOR : '~'\n${more}\n#DEFINITION#\nAGENT_REF|PRICE|~\n\n#DATA#\n`

  test('rows by the characters its header names, and their number', async () => {
    const text = `${header('Property Count : 2\n')}A1|159,950|~\nA2|a<br>\nb|~\n#END#\n`
    expect(await read(text, { kind: 'blm' })).toEqual({
      ...sound,
      records: [
        { AGENT_REF: 'A1', PRICE: '159,950' },
        { AGENT_REF: 'A2', PRICE: 'a<br>\nb' }
      ]
    })
  })

  test('the usual characters, and nothing in it', async () => {
    const text = '#HEADER#\nVersion : 3\n#DEFINITION#\nAGENT_REF^PRICE^~\n#DATA#\nA1^5^~#END#'
    expect(await read(text, { kind: 'blm' })).toEqual({
      ...sound,
      records: [{ AGENT_REF: 'A1', PRICE: '5' }]
    })
    expect(await read(`${header()}#END#`, { kind: 'blm' })).toEqual({ ...sound, records: [] })
  })

  test.each([
    ['cut short', `${header()}A1|1|~\nA2|`, 'FEED_CUT_SHORT', 1],
    ['short of its number', `${header('Property Count : 3')}A1|1|~\nA2|2|~\n#END#`, 'FEED_COUNT', 2],
    ['something else', 'id;t\n1;2', 'FEED_NOT_BLM', 0],
    ['an HTML page', '<html><body>', 'FEED_HTML', 0],
    ['empty', ' \n', 'FEED_EMPTY', 0],
    ['without a definition', '#HEADER#\n#DATA#\nA|~\n#END#', 'FEED_NOT_BLM', 0]
  ])('%s', async (_name, text, fault, count) => {
    const found = await read(text, { kind: 'blm' })
    expect(found.records).toHaveLength(count)
    expect(found.fault).toBe(fault)
  })

  test('a field too many or too few costs its row', async () => {
    const text = `${header()}A1|1|~\nA2|2|3|~\nA3~\nA4|4|~\n#END#`
    expect(await read(text, { kind: 'blm' })).toEqual({
      ...sound,
      records: [
        { AGENT_REF: 'A1', PRICE: '1' },
        'RECORD_COLUMNS',
        'RECORD_COLUMNS',
        { AGENT_REF: 'A4', PRICE: '4' }
      ]
    })
  })
})

describe('NDJSON', () => {
  test('a record a line, with every digit', async () => {
    const text = '{"id":1}\r\n\n  {"id":12345678901234567891,"t":"я"} \n{"id":3}'
    expect(await read(text, { kind: 'ndjson' })).toEqual({
      ...sound,
      records: [{ id: 1 }, { id: '12345678901234567891', t: 'я' }, { id: 3 }]
    })
  })

  test('what is wrong with a line costs that line', async () => {
    const text = `{"id":1}\n{"id":\n[2]\n{"id":"${'x'.repeat(50)}"}\n{"id":9}\n`
    expect(await read(text, { kind: 'ndjson' }, { maxRecordBytes: 40 })).toEqual({
      records: [{ id: 1 }, 'RECORD_NOT_WELL_FORMED', 'RECORD_NOT_WELL_FORMED', { id: 9 }],
      malformed: ['RECORD_TOO_LARGE@20'],
      fault: undefined
    })
  })

  test.each([
    ['', 'FEED_EMPTY'],
    ['<html>', 'FEED_HTML'],
    ['[{"id":1}]', 'FEED_NOT_JSON'],
    ['Error', 'FEED_NOT_JSON']
  ])('%j: %s', async (text, fault) => {
    expect(await read(text, { kind: 'ndjson' })).toEqual({ records: [], malformed: [], fault })
  })
})

describe('a list in a JSON document', () => {
  const at = (...path: string[]): RecordLayout => ({ kind: 'json', path })

  test.each<[string, string, RecordLayout]>([
    ['the document itself', '[{"id":1},{"id":2}]', at()],
    ['one object is one record', '{"id":1}\n', at()],
    ['at a path', '{"a":{"x":[{"id":5}],"o":[{"id":1} , {"id":2}]},"z":0}', at('a', 'o')],
    ['an object where the list should be', '{"a":{"id":1}}', at('a')],
    ['lists on the way', '{"a":[{"o":[{"id":1}]},{"n":1},{"o":[{"id":2}]}]}', at('a', 'o')],
    ['names written with escapes', '{"\\u0061":[{"id":1},{"id":2}]}', at('a')],
    ['with a mark', '\ufeff[{"id":1},{"id":2}]', at()],
    ['empty', '{"a":[]}', at('a')]
  ])('%s', async (_name, text, layout) => {
    const { records, ...rest } = await read(text, layout)
    expect(rest).toEqual(sound)
    expect(records).toEqual([{ id: 1 }, { id: 2 }].slice(0, records.length))
    expect(records).toHaveLength(text.split('"id":1').length - 1 + text.split('"id":2').length - 1)
  })

  test('brackets and quotes in texts, numbers with every digit, the bytes as they were', async () => {
    const text = String.raw`[{"id":"]}\"[{","n":0.10000000000000000001, "p":[[{}],[]]}]`
    expect((await read(text, at())).records).toEqual([
      { id: ']}"[{', n: '0.10000000000000000001', p: [[{}], []] }
    ])
    const [event] = await collect([Buffer.from(text)], at(), {})
    expect(event?.kind === 'record' && parseRecord(event, at()).toBody().toString()).toBe(text.slice(1, -1))
  })

  test('what stands around the list', async () => {
    const layout: RecordLayout = {
      kind: 'json',
      path: ['agencies', 'offers'],
      context: { agency: ['agencies', 'name'], sender: ['from', 'id'] },
      generatedAt: ['at'],
      count: ['count'],
      extent: { path: ['mode'], full: ['all'], part: ['delta'] }
    }
    const text = `{"at":"2026-11-02","count":3,"mode":"DELTA","from":{"id":7,"x":[1]},"agencies":[
      {"name":"A","offers":[{"id":1},{}]},{"offers":[{"id":2}]}]}`
    expect(await read(text, layout)).toEqual({
      ...sound,
      records: [
        { '#context': { agency: 'A', sender: 7 }, id: 1 },
        { '#context': { agency: 'A', sender: 7 } },
        { '#context': { sender: 7 }, id: 2 }
      ]
    })
    const events = await collect([Buffer.from(text)], layout, {})
    expect(events[0]).toEqual({ kind: 'generatedAt', value: '2026-11-02' })
    expect(events.at(-1)).toMatchObject({ extent: 'part' })
    const short = await collect([Buffer.from(text.replace('"count":3', '"count":4'))], layout, {})
    expect(short.at(-1)).toMatchObject({ complete: false, fault: { code: 'FEED_COUNT' } })
  })

  const list = (...records: string[]): string => `[\n  ${records.join(',\n  ')}\n]`
  const [A, Z] = ['{"id":1,"t":"a"}', '{"id":9,"t":"z"}']

  test.each([
    ['a word that is none', '{"id":5,"t":nil}'],
    ['a comma too many', '{"id":5,}'],
    ['a comma too few', '{"id":5 "t":"x"}'],
    ['other quotes', "{'id':5}"],
    ['no object', '5'],
    ['a list', '[{"id":5}]'],
    ['a comment', '{"id":5 /* x */}']
  ])('%s costs its record', async (_name, record) => {
    const { records, ...rest } = await read(list(A, record, Z), at())
    expect(rest).toEqual(sound)
    expect(records).toEqual([{ id: 1, t: 'a' }, 'RECORD_NOT_WELL_FORMED', { id: 9, t: 'z' }])
  })

  test.each([
    ['a brace that is not closed', '{"id":5,"t":{"x":1}'],
    ['a bracket that does not match', '{"id":5,"t":[1}}'],
    ['a quote that is not closed', '{"id":5,"t":"x}'],
    ['a quote too many', '{"id":5,"t":"6" nails"}']
  ])('%s costs its record, too, once a sound one was seen', async (_name, record) => {
    const found = await read(list(A, record, Z, Z), at())
    expect(found.records.at(-1)).toEqual({ id: 9, t: 'z' })
    expect(found.records.slice(-2)).toEqual([
      { id: 9, t: 'z' },
      { id: 9, t: 'z' }
    ])
    expect(found.malformed).toEqual([`RECORD_NOT_CLOSED@${list(A, record).indexOf(record)}`])
    expect(found.fault).toBeUndefined()
  })

  test('what all records begin with may not stand inside them: then nothing is read behind the damage', async () => {
    const nested = '{"id":1,"rooms":[{"x":0},{"id":7}]}'
    const found = await read(`[${nested},{"id":5,"t":[1}},${Z}]`, at())
    expect(found).toMatchObject({
      malformed: [expect.stringContaining('RECORD_NOT_CLOSED')],
      fault: 'FEED_STRUCTURE'
    })
    expect(found.records).toHaveLength(1)
  })

  test.each([
    ['', 'FEED_EMPTY'],
    ['  ', 'FEED_EMPTY'],
    ['<html><body>', 'FEED_HTML'],
    ['Fatal error', 'FEED_NOT_JSON'],
    ['{"other":[]}', 'FEED_ROOT'],
    ['{"a":[{"id":1}', 'FEED_CUT_SHORT'],
    ['{"a":[{"id":1', 'FEED_CUT_SHORT'],
    ['{"a":[{"id":1}]', 'FEED_CUT_SHORT'],
    ['{"a":[{"id":1}]} <br>', 'FEED_TRAILING'],
    ['{"a":[{"id":1}]]', 'FEED_STRUCTURE']
  ])('%j: %s', async (text, fault) => {
    expect((await read(text, at('a'))).fault).toBe(fault)
  })
})

describe('bytes that are not UTF-8 cost their record, and none of them travel', () => {
  const READABLE = 'Къща'
  const without = (text: string): Buffer => {
    const bytes = Buffer.from(text)
    bytes[bytes.indexOf('?')] = 0xff
    return bytes
  }

  test.each<[string, RecordLayout, string]>([
    ['JSON', { kind: 'json', path: ['a'] }, `{"a":[{"t":"${READABLE}"},{"t":"?"},{"t":"z"}]}`],
    ['NDJSON', { kind: 'ndjson' }, `{"t":"${READABLE}"}\n{"t":"?"}\n{"t":"z"}\n`],
    ['CSV', CSV, `t;u\n${READABLE};1\n?;2\nz;3\n`]
  ])('%s', async (_name, layout, text) => {
    expect(await read(without(text), layout)).toEqual({
      ...sound,
      records: [
        expect.objectContaining({ t: READABLE }),
        'RECORD_NOT_UTF8',
        expect.objectContaining({ t: 'z' })
      ]
    })
  })

  test('BLM', async () => {
    const text = `#HEADER#\n#DEFINITION#\nREF^TEXT^~\n#DATA#\nA1^${READABLE}^~A2^?^~A3^z^~#END#`
    const { records, malformed, fault } = await read(without(text), { kind: 'blm' })
    expect(records).toEqual([
      { REF: 'A1', TEXT: READABLE },
      { REF: 'A3', TEXT: 'z' }
    ])
    expect(malformed).toEqual([`RECORD_NOT_UTF8@${Buffer.from(text).indexOf('A2')}`])
    expect(fault).toBeUndefined()
  })
})
