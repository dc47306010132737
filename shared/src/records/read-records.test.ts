import { describe, expect, test } from 'vitest'
import { encode } from '../../../test/support/charset.ts'
import { FileDamage } from './file-damage.ts'
import type { XmlLayout } from './layout.ts'
import { hashOf, parseRecord } from './parse-record.ts'
import { readRecords, type ReadOptions } from './read-records.ts'
import type { RecordEvent } from './record-events.ts'

const LAYOUT: XmlLayout = { kind: 'xml', paths: [['root', 'offer']], lists: [] }

const collect = async (
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options?: ReadOptions
): Promise<RecordEvent[]> => {
  const events: RecordEvent[] = []
  for await (const event of readRecords(stream(chunks), LAYOUT, options)) events.push(event)
  return events
}

const stream = async function* (
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
): AsyncGenerator<Uint8Array> {
  yield* chunks
}

const inPieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size)
  )

/** What is said of the records, wherever they stand in the file. */
const saidOf = (events: readonly RecordEvent[]) => ({
  records: events.flatMap((event) => (event.kind === 'record' ? [parseRecord(event, LAYOUT).value] : [])),
  hashes: events.flatMap((event) => (event.kind === 'record' ? [hashOf(event)] : [])),
  warnings: events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
  end: events.at(-1)
})

const OFFERS = ['Двустаен апартамент', 'Къща, 120 кв.м', 'Гараж'].map(
  (title, index) => `<offer><id>${index + 1}</id><title>${title}</title></offer>`
)
const document = (declared: string): string =>
  `<?xml version="1.0"${declared}?>\n<root>${OFFERS.join('\n')}</root>`
const declaring = (charset: string): string => document(` encoding="${charset}"`)

const PLAIN = await collect([Buffer.from(document(''))])

describe('one feed in many charsets', () => {
  test.each<[string, Buffer, boolean, ReadOptions['charset']?]>([
    ['UTF-8, declared', Buffer.from(declaring('UTF-8')), false],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${document('')}`), false],
    ['UTF-16LE with a mark', encode(`\ufeff${declaring('utf-16')}`, 'utf-16le'), false],
    ['UTF-16BE with a mark', encode(`\ufeff${declaring('UTF-16')}`, 'utf-16be'), false],
    ['UTF-16LE without a mark', encode(document(''), 'utf-16le'), false],
    ['UTF-16BE without a mark', encode(declaring('utf-16be'), 'utf-16be'), false],
    ['UTF-16 that says it is UTF-8', encode(`\ufeff${declaring('utf-8')}`, 'utf-16le'), true],
    ['windows-1251', encode(declaring('windows-1251'), 'windows-1251'), false],
    ['windows-1251 called cp-1251', encode(declaring('cp-1251'), 'windows-1251'), false],
    ['windows-1251 called WIN-1251', encode(declaring('WIN-1251'), 'windows-1251'), false],
    ['koi8-r', encode(declaring('koi8-r'), 'koi8-r'), false],
    ['ibm866', encode(declaring('cp866'), 'ibm866'), false],
    ['declares windows-1251 and is UTF-8', Buffer.from(declaring('windows-1251')), true],
    ['has a mark and declares windows-1251', Buffer.from(`\ufeff${declaring('windows-1251')}`), true],
    ['says UTF-16 and is UTF-8', Buffer.from(declaring('utf-16')), true],
    ['a charset nobody knows, and is UTF-8', Buffer.from(declaring('x-mac-roman8')), true],
    ['the server says it', encode(document(''), 'windows-1251'), false, { transport: 'windows-1251' }],
    ['the server says another', encode(declaring('koi8-r'), 'koi8-r'), true, { transport: 'utf-8' }],
    [
      'the server says it, the file is wrong',
      encode(declaring('utf-8'), 'koi8-r'),
      true,
      { transport: 'koi8-r' }
    ],
    ['it is expected', encode(document(''), 'windows-1251'), false, { expected: 'windows-1251' }],
    ['it is expected, and is UTF-8', Buffer.from(document('')), false, { expected: 'windows-1251' }],
    ['expected, against what it declares', encode(declaring('utf-8'), 'koi8-r'), true, { expected: 'koi8-r' }]
  ])('%s', async (_name, bytes, isLie, charset = {}) => {
    const expected = saidOf(PLAIN)
    for (const size of [1, 7, 64, bytes.length]) {
      const found = saidOf(await collect(inPieces(bytes, size), { charset }))
      expect(found.records).toEqual(expected.records)
      expect(found.hashes).toEqual(expected.hashes)
      expect(found.warnings, 'a lie is told, and told once').toHaveLength(isLie ? 1 : 0)
      expect(found.end).toMatchObject({ complete: true, records: 3, bytes: bytes.length })
    }
  })

  test('a lie says what is right, and who said what', async () => {
    const { warnings } = saidOf(
      await collect([Buffer.from(declaring('windows-1251'))], { charset: { transport: 'iso-8859-1' } })
    )
    expect(warnings).toEqual([
      'The file is read as utf-8, which its bytes are; the server says "iso-8859-1", it declares "windows-1251"'
    ])
  })

  test.each(['windows-1251', 'utf-16le', 'utf-16be', 'utf-8'])(
    'offsets are those of the file in %s',
    async (charset) => {
      const mark = charset.startsWith('utf') ? '\ufeff' : ''
      const text = `${mark}${declaring(charset)}`
      const bytes = encode(text, charset)
      for (const size of [1, 5, bytes.length]) {
        const events = await collect(inPieces(bytes, size))
        const offsets = events.flatMap((event) => (event.kind === 'record' ? [event.offset] : []))
        expect(offsets).toEqual(
          OFFERS.map((offer) => encode(text.slice(0, text.indexOf(offer)), charset).length)
        )
      }
    }
  )

  test('so are those of damage, however far behind', async () => {
    const many = Array.from({ length: 2_000 }, (_, id) => `<offer><id>${id}</id><t>Къща в село</t></offer>`)
    const text = `<?xml version="1.0" encoding="koi8-r"?><root>${many.join('')}<offer><id>5</id><root/>`
    const [cut] = (await collect(inPieces(encode(text, 'koi8-r'), 1_000))).flatMap((event) =>
      event.kind === 'end' ? [event.fault] : []
    )
    expect(cut).toMatchObject({ code: 'FEED_CUT_SHORT', offset: text.indexOf('<offer><id>5</id><root/>') })
    expect(cut?.message).toContain(`At byte ${text.indexOf('<offer><id>5</id><root/>')}, `)
  })

  test('a few broken bytes in UTF-8 cost their record, and do not make another charset of the file', async () => {
    const bytes = Buffer.from(declaring('windows-1251'))
    bytes[bytes.indexOf('Къща')] = 0xff
    const events = await collect([bytes])
    const [first, second] = events.filter((event) => event.kind === 'record')
    expect(first && parseRecord(first, LAYOUT).value).toMatchObject({ id: '1' })
    expect(() => second && parseRecord(second, LAYOUT)).toThrow(
      expect.objectContaining({ code: 'RECORD_NOT_UTF8' })
    )
  })

  test('a character that is none in its charset costs its record', async () => {
    const bytes = encode(declaring('utf-16le'), 'utf-16le')
    bytes.writeUInt16LE(0xd800, bytes.indexOf(encode('Къща', 'utf-16le')))
    const events = await collect([bytes])
    expect(events.filter(({ kind }) => kind === 'record')).toHaveLength(2)
    expect(events.find((event) => event.kind === 'malformed')).toMatchObject({
      code: 'RECORD_CHARSET',
      ordinal: 1
    })
    expect(events.at(-1)).toMatchObject({ records: 2, malformed: 1 })
  })

  test.each([
    ['nobody knows it', encode(declaring('x-mac-roman8'), 'koi8-r')],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0])]
  ])('%s: nothing is read', async (_name, bytes) => {
    const { records, end } = saidOf(await collect([bytes]))
    expect(records).toEqual([])
    expect(end).toMatchObject({ complete: false, fault: { code: 'FEED_CHARSET' } })
  })

  test('nothing is decided before it must be: ASCII is ASCII', async () => {
    const ascii = '<?xml version="1.0" encoding="x-unheard-of"?><root><offer><id>1</id></offer></root>'
    expect(saidOf(await collect([Buffer.from(ascii)])).end).toMatchObject({ complete: true, records: 1 })
  })
})

test('a message that quotes the file can be stored', async () => {
  for (const text of ['\0\0\u0001', '<ro\0ot><offer/></ro\0ot>', `<root>\0${OFFERS[0]}</root>`]) {
    const end = (await collect([Buffer.from(text)])).at(-1)
    expect(JSON.stringify(end)).not.toMatch(/\\u00[01]/)
    expect(end).toMatchObject({ complete: false })
  }
})

test('a stream that is damaged ends the file where it broke, and what came before counts', async () => {
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`<root>${OFFERS[0]}<offer><id>`)
    throw new FileDamage('UNPACK_CUT_SHORT', 'the gzip file is cut short')
  }
  const events = await collect(broken())
  expect(events.filter(({ kind }) => kind === 'record')).toHaveLength(1)
  expect(events.at(-1)).toMatchObject({ complete: false, fault: { code: 'UNPACK_CUT_SHORT' } })
  const bug = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('<root>')
    throw new TypeError('a bug')
  }
  await expect(collect(bug())).rejects.toThrow('a bug')
})
