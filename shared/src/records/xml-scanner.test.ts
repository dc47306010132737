import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { expect, test } from 'vitest'
import type { XmlLayout } from './layout.ts'
import { parseXmlRecord } from './parse-xml-record.ts'
import type { RawRecord, ScannedEvent } from './record-events.ts'
import type { XmlObject } from './xml-object.ts'
import { XmlScanner } from './xml-scanner.ts'

/** The scanner against saxes reading the whole document in one pass, on documents nobody thought of. */

const SELECTOR: XmlLayout = { kind: 'xml', paths: [['root', 'list', 'offer']], lists: [['image']] }

const name = fc.constantFrom('id', 'offer', 'list', 'image', 'offers', 'k:t', 'Я')
const plain = fc.string({
  unit: fc.constantFrom('a', 'я', '🏠', ' ', '\n', '>', '"', "'", '/', '-', ']', '1'),
  maxLength: 12
})
const text = plain.map((value) => value.replaceAll(']', ''))
const noise = fc.oneof(
  plain.map((value) => `<!--${value.replaceAll('-', '')}-->`),
  plain.map((value) => `<?x ${value.replaceAll('?', '')}?>`),
  fc.constant('<!-- <offer> </offer> </list> -->'),
  fc.constant('<?x </offer> ?>')
)
const cdata = fc
  .oneof(plain, fc.constantFrom('</offer>', '<offer>', '</list>', '<!-- ', ']]', '&amp;'))
  .map((value) => `<![CDATA[${value.replaceAll(']]>', '')}]]>`)
const attribute = fc
  .tuple(fc.constantFrom('a', 'b'), plain, fc.boolean())
  .map(([key, value, single]) =>
    single ? `${key} = '${value.replaceAll("'", '')}'` : `${key}="${value.replaceAll('"', '&quot;')}"`
  )
const attributes = fc.uniqueArray(attribute, { maxLength: 2, selector: (value) => value[0] })
const blank = fc.constantFrom('', ' ', '\n\t')

const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  element: fc
    .tuple(name, attributes, blank, tie('content'), fc.boolean())
    .map(([tag, pairs, space, content, isEmpty]) =>
      toElement(tag, pairs, space, isEmpty ? '' : content, isEmpty)
    ),
  content: fc
    .array(
      fc.oneof({ depthSize: 'small' }, text, cdata, noise, fc.constant('&amp;&#1048;'), tie('element')),
      { maxLength: 4 }
    )
    .map((parts) => parts.join(''))
}))

const toElement = (
  tag: string,
  pairs: readonly string[],
  space: string,
  content: string,
  isEmpty: boolean
): string => {
  const start = `<${[tag, ...pairs].join(' ')}${space}`
  return isEmpty ? `${start}/>` : `${start}>${content}</${tag}${space}>`
}

const record = fc
  .tuple(attributes, blank, fc.array(fc.oneof(element, text), { maxLength: 4 }), fc.boolean())
  .map(([pairs, space, content, isEmpty]) =>
    toElement('offer', pairs, space, isEmpty ? '' : content.join(''), isEmpty)
  )
const other = fc.oneof(
  noise,
  fc.constantFrom('<offers><offer/></offers>', '<meta><offer>x</offer></meta>', '\n')
)
const document = fc
  .array(fc.oneof({ weight: 3, arbitrary: record }, { weight: 1, arbitrary: other }), { maxLength: 6 })
  .map(
    (parts) =>
      `<?xml version="1.0"?>\n<!-- <offer/> -->\n<root><list>${parts.join('')}</list><list/></root>\n`
  )

const chunked = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size)
  )

const scan = (xml: string | Buffer, size = 65_536) => {
  const scanner = new XmlScanner(SELECTOR)
  const events: ScannedEvent[] = []
  for (const chunk of chunked(Buffer.from(xml), size)) events.push(...scanner.push(chunk))
  events.push(...scanner.finish())
  return {
    records: events.filter((event): event is RawRecord => event.kind === 'record'),
    events
  }
}

/** What saxes says of every record while it reads the whole document. */
const onePass = (xml: string): string[][] => {
  const parser = new SaxesParser()
  const path: string[] = []
  const found: string[][] = []
  const log = (entry: string): void => {
    if (path.length >= 3 && path.slice(0, 3).join('/') === 'root/list/offer') found.at(-1)?.push(entry)
  }
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', (tag) => {
    path.push(tag.name)
    if (path.join('/') === 'root/list/offer') found.push([])
    log(`<${tag.name} ${JSON.stringify(tag.attributes)}`)
  })
  parser.on('text', (value) => log(value))
  parser.on('cdata', (value) => log(value))
  parser.on('closetag', (tag) => {
    log(`>${tag.name}`)
    path.pop()
  })
  parser.write(xml).close()
  return found
}

test('finds the records saxes finds, byte for byte, wherever the chunks end', () => {
  fc.assert(
    fc.property(document, fc.integer({ min: 1, max: 40 }), (xml, size) => {
      const expected = onePass(xml)
      const { records, events } = scan(xml, size)
      expect(events.at(-1)).toMatchObject({ complete: true, malformed: 0, records: expected.length })
      const fragments = records.map(({ bytes }) => onePass(`<root><list>${bytes.toString()}</list></root>`))
      expect(fragments).toEqual(expected.map((log) => [log]))
    }),
    { numRuns: 1_500 }
  )
})

const quiet = (id: number): string =>
  `<offer id="${id}"><id>${id}</id><t>an offer with <b>words</b> &amp; a link</t><image u="x"/><image/></offer>`

test('a single byte lost, changed or added inside a record costs no other record', () => {
  const ids = [0, 1, 2, 3, 4, 5, 6, 7]
  const xml = Buffer.from(`<root><list>${ids.map(quiet).join('\n')}</list></root>`)
  const { records } = scan(xml)
  const sound = new Map(records.map(({ bytes }, id) => [id, bytes.toString()]))
  fc.assert(
    fc.property(
      fc.nat({ max: 7 }),
      fc.nat({ max: 10_000 }),
      fc.constantFrom('', '<', '>', '/', '"', "'", '&', 'x', ' ', '\u0000', '<!', '<?'),
      fc.boolean(),
      (k, place, put, isAdded) => {
        const hit = records[k]
        if (hit === undefined) throw new Error('no such record')
        const at = hit.offset + (place % hit.bytes.length)
        const damaged = Buffer.concat([
          xml.subarray(0, at),
          Buffer.from(put),
          xml.subarray(isAdded ? at : at + 1)
        ])
        const left = new Set(scan(damaged).records.map(({ bytes }) => bytes.toString()))
        const lost = ids.filter((id) => id !== k && !left.has(sound.get(id) ?? ''))
        expect(lost).toEqual([])
      }
    ),
    { numRuns: 5_000 }
  )
})

const parse = (xml: string): XmlObject => parseXmlRecord(Buffer.from(xml), SELECTOR)

test('JSON of a record says what the XML says', () => {
  expect(parse('<offer><image>a</image></offer>')).toEqual({ image: ['a'] })
  expect(parse('<offer><image>a</image><image>b</image></offer>')).toEqual({ image: ['a', 'b'] })
  expect(parse('<offer><x>a</x><x>b</x><x/></offer>')).toEqual({ x: ['a', 'b', ''] })
  expect(parse('<offer><id> 00123 </id><n>1e5</n><p>+359888</p></offer>')).toEqual({
    id: '00123',
    n: '1e5',
    p: '+359888'
  })
  expect(parse('<offer a="1"> x <b c="2"> y </b> z </offer>')).toEqual({
    '@a': '1',
    '#text': 'x  z',
    b: { '@c': '2', '#text': 'y' }
  })
  expect(parse('<offer><d>&lt;p&gt;caf&#233;&lt;/p&gt;<![CDATA[ & <b>]]></d></offer>')).toEqual({
    d: '<p>café</p> & <b>'
  })
})
