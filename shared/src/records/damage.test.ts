import { describe, expect, test } from 'vitest'
import { valueAt } from '../formats/format.ts'
import type { RecordLayout } from './layout.ts'
import { parseRecord, readHead } from './parse-record.ts'
import { readRecords } from './read-records.ts'

/** One damaged record among a thousand: the others are read, and it is reported where it stands. */

const COUNT = 1_000
const K = 500
const MAX_RECORD_BYTES = 4_000

interface Found {
  ids: unknown[]
  /** Offsets of what could not be read; and the ids that are certain all the same. */
  lost: { offset: number; id: unknown }[]
  salvaged: number[]
  isComplete: boolean
}

const read = async (text: string, layout: RecordLayout): Promise<Found> => {
  const bytes = Buffer.from(text, 'latin1')
  const stream = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 4_096) yield bytes.subarray(at, at + 4_096)
  }
  const found: Found = { ids: [], lost: [], salvaged: [], isComplete: false }
  const lose = (offset: number, head: Buffer | undefined): void => {
    const id = head === undefined ? undefined : valueAt(readHead(head, layout), ['id'])
    found.lost.push({ offset, id: typeof id === 'string' ? id : undefined })
  }
  for await (const event of readRecords(stream(), layout, { maxRecordBytes: MAX_RECORD_BYTES })) {
    if (event.kind === 'malformed') lose(event.offset, event.head)
    if (event.kind === 'end') found.isComplete = event.complete
    if (event.kind !== 'record') continue
    try {
      const { value, warning } = parseRecord(event, layout)
      found.ids.push(valueAt(value, ['id']))
      if (warning !== undefined) found.salvaged.push(event.offset)
    } catch {
      lose(event.offset, event.bytes)
    }
  }
  return found
}

const othersThan = (k: number): string[] =>
  Array.from({ length: COUNT }, (_, id) => String(id)).filter((_, id) => id !== k)

describe('XML', () => {
  const record = (id: number): string => `<offer><id>${id}</id><t lang="en">x &amp; y</t></offer>`
  const layout: RecordLayout = { kind: 'xml', paths: [['root', 'offer']], lists: [] }
  const file = (damaged: string): string =>
    `<?xml version="1.0"?>\n<root>${Array.from({ length: COUNT }, (_, id) => (id === K ? damaged : record(id))).join('\n')}</root>`

  test.each<[string, string, boolean]>([
    ['crossed tags', '<offer><id>500</id><a><b></a></b></offer>', true],
    ['a tag that is not closed', '<offer><id>500</id><a></offer>', true],
    ['a tag that is not opened', '<offer><id>500</id></a></offer>', true],
    ['a tag without its >', '<offer><id>500</id><a <b/></a></offer>', true],
    ['an end tag without its >', '<offer><id>500</id><a></a <b/></offer>', true],
    ['an id that is not closed', '<offer><id>500<t>x</t></offer>', false],
    ['an id in a broken tag', '<offer><id 500</id></offer>', false],
    ['a quote that is not closed', '<offer><id>500</id><a b="x></a></offer>', true],
    ['an attribute without quotes', '<offer><id>500</id><a b=1></a></offer>', true],
    ['no end tag', '<offer><id>500</id>', true],
    ['a misspelt end tag', '<offer><id>500</id></ofer>', true],
    ['no start tag', '<id>500</id></offer>', false],
    ['a CDATA section that is not closed', '<offer><id>500</id><t><![CDATA[x</t></offer>', true],
    ['a comment that is not closed', '<offer><id>500</id><!-- x </offer>', true],
    ['bytes that are not UTF-8', '<offer><id>500</id><t>\xff\xfe</t></offer>', true],
    ['a reference to NUL', '<offer><id>500</id><a><t>&#0;</a></t></offer>', true],
    ['a record too large', `<offer><id>500</id><t>${'x'.repeat(MAX_RECORD_BYTES)}</t></offer>`, true],
    ['too deep', `<offer><id>500</id>${'<a>'.repeat(200)}${'</a>'.repeat(200)}</offer>`, true]
  ])('%s', async (_name, damaged, isKnown) => {
    const text = file(damaged)
    const { ids, lost, salvaged } = await read(text, layout)
    expect(ids).toEqual(othersThan(K))
    expect(salvaged).toEqual([])
    expect(lost).toHaveLength(1)
    expect(lost[0]?.id, 'is it certain which one it was?').toBe(isKnown ? '500' : undefined)
    const at = text.indexOf(damaged)
    expect(lost[0]?.offset).toBeGreaterThanOrEqual(at)
    expect(lost[0]?.offset).toBeLessThan(at + damaged.length)
  })

  test.each([
    ['a lone &', '<offer><id>500</id><t>B & B</t></offer>'],
    ['an entity of HTML', '<offer><id>500</id><t>&nbsp;</t></offer>'],
    ['<br>', '<offer><id>500</id><t>a<br>b</t></offer>'],
    ['a control character', '<offer><id>500</id><t>\x16</t></offer>']
  ])('%s: all thousand are read, and that one is marked', async (_name, damaged) => {
    const text = file(damaged)
    const { ids, lost, salvaged, isComplete } = await read(text, layout)
    expect(ids).toHaveLength(COUNT)
    expect(lost).toEqual([])
    expect(salvaged).toEqual([text.indexOf(damaged)])
    expect(isComplete).toBe(true)
  })
})

test.each<[string, RecordLayout, (id: number) => string, [string, string, string], string]>([
  [
    'CSV',
    { kind: 'csv', columns: 'header' },
    (id) => `${id},"a b",c`,
    ['id,t,u\n', '\n', '\n'],
    '500,"a b,c'
  ],
  [
    'CSV',
    { kind: 'csv', columns: 'header' },
    (id) => `${id},"a b",c`,
    ['id,t,u\n', '\n', '\n'],
    '500,a b,c,d'
  ],
  ['NDJSON', { kind: 'ndjson' }, (id) => `{"id":"${id}","t":{}}`, ['', '\n', '\n'], '{"id":"500","t":{}'],
  [
    'JSON',
    { kind: 'json', path: [] },
    (id) => `{"id":"${id}","t":{}}`,
    ['[', ',\n', ']'],
    '{"id":"500","t":{]}'
  ],
  [
    'JSON',
    { kind: 'json', path: [] },
    (id) => `{"id":"${id}","t":{}}`,
    ['[', ',', ']'],
    '{"id":"500","t":"}'
  ],
  [
    'JSON',
    { kind: 'json', path: [] },
    (id) => `{"id":"${id}","t":{}}`,
    ['[', ',', ']'],
    '{"id":"500","t":nul}'
  ],
  [
    'BLM',
    { kind: 'blm' },
    (id) => `${id}^a^~`,
    ['#HEADER#\n#DEFINITION#\nid^t^~\n#DATA#\n', '\n', '\n#END#'],
    '500^a^b^~'
  ]
])('%s: %#', async (_name, layout, record, [begin, between, end], damaged) => {
  const records = Array.from({ length: COUNT }, (_, id) => (id === K ? damaged : record(id)))
  const text = `${begin}${records.join(between)}${end}`
  const { ids, lost, isComplete } = await read(text, layout)
  expect(ids).toEqual(othersThan(K))
  expect(lost).toEqual([{ offset: text.indexOf(damaged), id: undefined }])
  expect(isComplete).toBe(true)
})
