import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { XmlLayout } from './layout.ts'
import { parseRecord } from './parse-record.ts'
import { parseXmlRecord } from './parse-xml-record.ts'
import { salvageXml } from './salvage-xml.ts'

const LAYOUT: XmlLayout = { kind: 'xml', paths: [['root', 'offer']], lists: [['images', 'image'], ['tag']] }
const parsed = (xml: string) => parseRecord({ bytes: Buffer.from(xml) }, LAYOUT)

describe('a record whose tags match is read, and marked', () => {
  test.each<[string, string, object]>([
    ['a lone &', '<t>B & B</t>', { t: 'B & B' }],
    ['an entity of HTML', '<t>a&nbsp;b &euro; &amp; &#1048;</t>', { t: 'a\u00a0b € & И' }],
    ['an entity nobody knows', '<t>a &bogus; b</t>', { t: 'a &bogus; b' }],
    ['<br>', '<t>a<br>b</t>', { t: { br: '', '#text': 'ab' } }],
    ['a control character', '<t>a\u0016b</t>', { t: 'ab' }],
    ['a < that begins nothing', '<t>a < b <3</t>', { t: 'a < b <3' }],
    [']]> in the text', '<t>a]]></t>', { t: 'a]]>' }],
    ['-- in a comment', '<!-- a -- b --><t>x</t>', { t: 'x' }],
    ['digits that mean something', '<t>007</t><p>1.10</p><n>&</n>', { t: '007', p: '1.10', n: '&' }]
  ])('%s', (_name, inner, fields) => {
    const { value, warning } = parsed(`<offer><id>5</id>${inner}</offer>`)
    expect(value).toEqual({ id: '5', ...fields })
    expect(warning).toMatchObject({ code: 'RECORD_SALVAGED', message: expect.stringContaining('character') })
  })

  test.each([
    ['crossed tags', '<a><b></a></b>'],
    ['a tag that is not closed', '<a>'],
    ['a tag that is not opened', '</a>'],
    ['a tag without its >', '<a <b/></a>'],
    ['an attribute without quotes', '<a b=1>x</a>'],
    ['a quote that is not closed', '<a b="x><c lang="en">y</c></a>'],
    ['a name no object may have', '<__proto__>&</__proto__>'],
    ['a document type inside', '<!DOCTYPE x [<!ENTITY y "z">]>&y;']
  ])('%s is not: nobody knows what belongs where', (_name, inner) => {
    expect(() => parsed(`<offer><id>5</id>${inner}</offer>`)).toThrow(
      expect.objectContaining({ code: 'RECORD_NOT_WELL_FORMED' })
    )
  })
})

/** Well-formed elements without mixed content, instructions and comments. */
const name = fc.constantFrom('id', 'image', 'images', 'tag', 'k:t', 'Я', 'x-1')
const text = fc
  .string({
    unit: fc.constantFrom(
      'a',
      'я',
      '🏠',
      ' ',
      '\n',
      '0',
      '7',
      '.',
      '"',
      "'",
      '&amp;',
      '&lt;',
      '&#1048;',
      '>'
    ),
    maxLength: 8
  })
  .filter((value) => !value.includes(']]>'))
const cdata = text.map((value) => `<![CDATA[${value}<b>&]]>`)
const attributes = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'xml:lang'), text), {
    maxLength: 2,
    selector: ([key]) => key
  })
  .map((pairs) =>
    pairs.map(([key, value]) => ` ${key}="${value.replaceAll('"', '&quot;').replaceAll('\n', ' ')}"`).join('')
  )
const { element } = fc.letrec<{ element: string }>((tie) => ({
  element: fc
    .tuple(
      name,
      attributes,
      fc.oneof(
        { depthSize: 'small', maxDepth: 5 },
        text,
        cdata,
        fc.array(tie('element'), { maxLength: 4 }).map((parts) => parts.join('\n'))
      )
    )
    .map(([tag, pairs, content]) => `<${tag}${pairs}>${content}</${tag}>`)
}))

test('of well-formed records both parsers make the same objects', () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 5 }), attributes, (parts, pairs) => {
      const bytes = Buffer.from(`<offer${pairs}>${parts.join('')}</offer>`)
      expect(salvageXml(bytes, LAYOUT)).toEqual(parseXmlRecord(bytes, LAYOUT))
    }),
    { numRuns: 2_000 }
  )
})
