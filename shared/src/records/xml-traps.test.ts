import { describe, expect, test } from 'vitest'
import type { XmlLayout } from './layout.ts'
import { parseXmlRecord } from './parse-xml-record.ts'
import type { ScannedEvent, ScannerOptions } from './record-events.ts'
import { XmlScanner } from './xml-scanner.ts'

/**
 * The traps other readers fall into, each read with its bytes cut at every offset, and one byte at a time: where a
 * chunk ends must never matter.
 */

const OFFERS: XmlLayout = { kind: 'xml', paths: [['root', 'offer']], lists: [] }

interface Read {
  /** JSON of every record; the code where it cannot be parsed. */
  records: unknown[]
  malformed: string[]
  fault: string | undefined
  generatedAt: string[]
}

const scan = (chunks: readonly Buffer[], selector: XmlLayout, options: ScannerOptions): ScannedEvent[] => {
  const scanner = new XmlScanner(selector, options)
  return [...chunks.flatMap((chunk) => [...scanner.push(chunk)]), ...scanner.finish()]
}

const read = (xml: string | Buffer, selector: XmlLayout = OFFERS, options: ScannerOptions = {}): Read => {
  const bytes = Buffer.from(xml)
  const whole = scan([bytes], selector, options)
  for (let cut = 1; cut < bytes.length; cut++) {
    const parts = scan([bytes.subarray(0, cut), bytes.subarray(cut)], selector, options)
    expect(withoutWording(parts), `cut at byte ${cut}`).toEqual(withoutWording(whole))
  }
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  expect(withoutWording(scan(single, selector, options)), 'byte by byte').toEqual(withoutWording(whole))
  return summaryOf(whole, bytes, selector)
}

/** A message may quote as much of the file as was there; everything else must be equal. */
const withoutWording = (events: ScannedEvent[]): unknown =>
  events.map((event) =>
    event.kind === 'end' && event.fault !== undefined
      ? { ...event, fault: { code: event.fault.code, offset: event.fault.offset } }
      : event
  )

const summaryOf = (events: ScannedEvent[], bytes: Buffer, selector: XmlLayout): Read => {
  const end = events.at(-1)
  if (end?.kind !== 'end') throw new Error('the last event is not the end')
  expect(end.complete).toBe(end.fault === undefined)
  const ordinals = events.flatMap((event) => ('ordinal' in event ? [event.ordinal] : []))
  expect(ordinals).toEqual(ordinals.map((_, index) => index))
  return {
    records: events.flatMap((event) => {
      if (event.kind !== 'record') return []
      expect(bytes.subarray(event.offset, event.offset + event.bytes.length)).toEqual(event.bytes)
      return [parsed(event.bytes, selector)]
    }),
    malformed: events.flatMap((event) =>
      event.kind === 'malformed' ? [`${event.code}@${event.offset}`] : []
    ),
    fault: end.fault?.code,
    generatedAt: events.flatMap((event) => (event.kind === 'generatedAt' ? [event.value] : []))
  }
}

const parsed = (bytes: Buffer, selector: XmlLayout): unknown => {
  try {
    return parseXmlRecord(bytes, selector)
  } catch (error) {
    return (error as { code: string }).code
  }
}

const feed = (...records: string[]): string =>
  `<?xml version="1.0"?>\n<root>\n${records.join('\n')}\n</root>\n`
const A = '<offer><id>1</id></offer>'
const Z = '<offer><id>9</id></offer>'
const sound = { malformed: [], fault: undefined, generatedAt: [] }

describe('what must not be taken for a tag', () => {
  test.each([
    ['CDATA that holds the end tag', '<offer><t><![CDATA[</offer>]]></t></offer>', { t: '</offer>' }],
    ['CDATA that holds a whole record', `<offer><t><![CDATA[${A}]]></t></offer>`, { t: A }],
    ['CDATA twice over', '<offer><t><![CDATA[<![CDATA[a]]></t></offer>', { t: '<![CDATA[a' }],
    ['CDATA that ends in ]]]>', '<offer><t><![CDATA[a]]]></t></offer>', { t: 'a]' }],
    ['CDATA in two parts', '<offer><t><![CDATA[a]]]]><![CDATA[>b]]></t></offer>', { t: 'a]]>b' }],
    ['empty CDATA', '<offer><t><![CDATA[]]></t></offer>', { t: '' }],
    ['a comment that holds a whole record', `<offer><!--${A}--><id>2</id></offer>`, { id: '2' }],
    ['a comment that holds the end tag', '<offer><!-- </offer> > --><id>2</id></offer>', { id: '2' }],
    ['an instruction that holds the end tag', '<offer><?x </offer> ?><id>2</id></offer>', { id: '2' }],
    [
      'an attribute that holds >',
      '<offer><a b="1>2" c=\'"\'>3</a></offer>',
      { a: { '@b': '1>2', '@c': '"', '#text': '3' } }
    ],
    ['a quote in the text', '<offer><id>2</id>5\' 3"</offer>', { id: '2', '#text': '5\' 3"' }],
    [
      'an element whose name begins alike',
      '<offer><offer-x>1</offer-x><offers/></offer>',
      { 'offer-x': '1', offers: '' }
    ]
  ])('%s', (_name, record, json) => {
    expect(read(feed(A, record, Z))).toEqual({ ...sound, records: [{ id: '1' }, json, { id: '9' }] })
  })

  test.each([
    ['a comment between records', `<!-- ${A} </root> -->`],
    ['an instruction between records', `<?x ${A} ?>`],
    ['CDATA between records', `<![CDATA[${A}]]>`],
    ['elements whose names begin alike', '<offers><id>5</id></offers><offer-x/>'],
    ['the same name at another depth', '<meta><offer><id>5</id></offer></meta>']
  ])('%s', (_name, between) => {
    expect(read(feed(A, between, Z))).toEqual({ ...sound, records: [{ id: '1' }, { id: '9' }] })
  })

  test('an attribute that holds the end tag is not well-formed, and costs its record only', () => {
    expect(read(feed(A, '<offer><a b="</offer>" c="<offer>"/><id>2</id></offer>', Z))).toEqual({
      ...sound,
      records: [{ id: '1' }, 'RECORD_NOT_WELL_FORMED', { id: '9' }]
    })
  })

  test('a DOCTYPE whose entities and comments hold records, and whose address is never fetched', () => {
    const doctype = `<!DOCTYPE root SYSTEM "http://vendor.invalid/x.dtd" [
      <!ENTITY a "${A}]>"> <!-- ' ${A} ]> --> <?x "]> ?> <!ELEMENT offer ANY> ]>`
    expect(read(`<?xml version="1.0"?>${doctype}<root>${A}</root>`)).toEqual({
      ...sound,
      records: [{ id: '1' }]
    })
  })

  test('entities the DOCTYPE declares are not expanded: no laughter, no files', () => {
    const doctype = '<!DOCTYPE root [<!ENTITY l "ha"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    expect(read(`${doctype}<root><offer>&l;</offer><offer>&f;</offer>${Z}</root>`)).toEqual({
      ...sound,
      records: ['RECORD_NOT_WELL_FORMED', 'RECORD_NOT_WELL_FORMED', { id: '9' }]
    })
  })
})

describe('shapes of records and documents', () => {
  test.each([
    ['self-closing records', '<offer id="1"/><offer id="2" />', [{ '@id': '1' }, { '@id': '2' }]],
    [
      'blanks in end tags',
      '<offer><id>1</id ></offer ><offer><id>2</id></offer\n>',
      [{ id: '1' }, { id: '2' }]
    ],
    ['line breaks in start tags', '<offer\n\tid="1"\r\n><a/></offer>', [{ '@id': '1', a: '' }]],
    [
      'a record inside a record',
      '<offer><id>1</id><offer><id>2</id></offer></offer><offer><b><offer/></b></offer>',
      [{ id: '1', offer: { id: '2' } }, { b: { offer: '' } }]
    ],
    [
      'the parent inside a record',
      '<offer><root><root/></root><id>1</id></offer>',
      [{ root: { root: '' }, id: '1' }]
    ],
    ['nothing', '', []],
    ['text only', '<offer> x &amp; y </offer><offer></offer>', [{ '#text': 'x & y' }, {}]]
  ])('%s', (_name, records, json) => {
    expect(read(`<root>${records}</root>`)).toEqual({ ...sound, records: json })
  })

  test('the record is the root', () => {
    const root: XmlLayout = { kind: 'xml', paths: [['offer']], lists: [] }
    expect(read(`<?xml version="1.0"?>${A}\n<!-- end -->`, root)).toEqual({
      ...sound,
      records: [{ id: '1' }]
    })
    expect(read('<offer/>', root)).toEqual({ ...sound, records: [{}] })
    expect(read('<offer><id>1</id>', root)).toMatchObject({ records: [], fault: 'FEED_CUT_SHORT' })
  })

  test('prefixes are the vendor’s own affair, and may be declared outside of the record', () => {
    const xml = `<k:root xmlns:k="urn:k" xmlns:xsi="urn:x"><k:offer xsi:nil="false" xmlns="urn:d">
      <k:id>1</k:id><b xml:lang="bg">я</b></k:offer></k:root>`
    expect(read(xml)).toEqual({
      ...sound,
      records: [{ '@nil': 'false', id: '1', b: { '@lang': 'bg', '#text': 'я' } }]
    })
  })

  test('a byte order mark, blanks before the declaration, characters of every length', () => {
    expect(read(`\ufeff${feed('<offer><t>aяक🏠</t></offer>')}`)).toEqual({
      ...sound,
      records: [{ t: 'aяक🏠' }]
    })
    expect(read(`\n ${feed(A)}`)).toEqual({ ...sound, records: [{ id: '1' }] })
  })

  test('names that would be prototypes are plain keys', () => {
    const [record] = read(
      feed('<offer><__proto__><polluted>1</polluted></__proto__><constructor>2</constructor></offer>')
    ).records
    expect(Object.keys(record as object)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
  })

  test('the file’s own time, as an element or an attribute, wherever the format says', () => {
    const element: XmlLayout = { ...OFFERS, generatedAt: ['root', 'head', 'at'] }
    const attribute: XmlLayout = { ...OFFERS, generatedAt: ['root', '@at'] }
    expect(read(`<root><head><at> 2026 </at></head>${A}<at>no</at></root>`, element)).toEqual({
      ...sound,
      records: [{ id: '1' }],
      generatedAt: ['2026']
    })
    expect(read(`<root at="2026">${A}</root>`, attribute)).toEqual({
      ...sound,
      records: [{ id: '1' }],
      generatedAt: ['2026']
    })
    expect(read(`<root><head><at>2026</head>${A}</root>`, element)).toEqual({
      records: [{ id: '1' }],
      malformed: [],
      fault: 'FEED_STRUCTURE',
      generatedAt: []
    })
  })
})

describe('damage costs its record and nothing behind it', () => {
  const damaged = '<offer><id>5</id>'
  test.each([
    ['a lone &', '<offer><id>5</id><t>B & B</t></offer>'],
    ['an unknown entity', '<offer><id>5</id><t>&nbsp;</t></offer>'],
    ['HTML', '<offer><id>5</id><t>a<br>b</t></offer>'],
    ['crossed tags', '<offer><id>5</id><a><b></a></b></offer>'],
    ['a tag that is not closed', '<offer><id>5</id><a></offer>'],
    ['a tag that is not opened', '<offer><id>5</id></a></offer>'],
    ['an attribute twice', '<offer><id a="1" a="2">5</id></offer>'],
    ['an attribute without quotes', '<offer><id a=1>5</id></offer>'],
    ['a control character', '<offer><id>5\u0001</id></offer>'],
    ['NUL', '<offer><id>5\u0000</id></offer>'],
    ['the reference of NUL', '<offer><id>&#0;</id></offer>'],
    ['half a surrogate pair', '<offer><id>&#xD800;</id></offer>'],
    ['a quote that is not closed', '<offer><a b="x><id>5</id><t lang="en">y</t></offer>'],
    ['the last quote not closed', '<offer><id>5</id><a b="x>y</a></offer>'],
    ['a quote of the record not closed', '<offer id="5><t>y</t></offer>'],
    ['a record tag without its >', '<offer id="5" <t>y</t></offer>'],
    ['a tag without its >', '<offer><id 5</id></offer>'],
    ['an end tag without its >', '<offer><id>5</id <a/></offer>'],
    ['its own end tag without >', '<offer><id>5</id></offer'],
    ['a < in the text', '<offer><id>5</id><t>a < b <3</t></offer>'],
    ['-- in a comment', '<offer><!-- a -- b --><id>5</id></offer>'],
    [']]> in the text', '<offer><id>5]]></id></offer>'],
    ['a declaration inside', '<offer><?xml version="1.0"?><id>5</id></offer>']
  ])('%s', (_name, record) => {
    expect(read(feed(A, record, Z, Z))).toEqual({
      ...sound,
      records: [{ id: '1' }, 'RECORD_NOT_WELL_FORMED', { id: '9' }, { id: '9' }]
    })
  })

  test('bytes that are not UTF-8', () => {
    const bytes = Buffer.from(feed(A, '<offer><id>?</id></offer>', Z))
    bytes[bytes.indexOf('?<')] = 0xe9
    expect(read(bytes).records).toEqual([{ id: '1' }, 'RECORD_NOT_UTF8', { id: '9' }])
  })

  test('nesting too deep', () => {
    const record = `<offer>${'<a>'.repeat(200)}${'</a>'.repeat(200)}</offer>`
    expect(read(feed(A, record, Z)).records).toEqual([{ id: '1' }, 'RECORD_TOO_DEEP', { id: '9' }])
  })

  const offset = feed(A, '').indexOf('\n</root>')
  test.each([
    ['the end tag is missing', feed(A, damaged, Z, Z), 'RECORD_NOT_CLOSED'],
    ['the end tag of two is missing', feed(A, damaged, Z, damaged, Z), 'RECORD_NOT_CLOSED'],
    ['the end tag of the last is missing', feed(A, damaged), 'RECORD_NOT_CLOSED'],
    ['the end tag is spelt otherwise', feed(A, `${damaged}</Offer>`, Z), 'RECORD_NOT_CLOSED'],
    ['CDATA is not closed', feed(A, `${damaged}<![CDATA[x</offer>`, Z, Z), 'RECORD_NOT_CLOSED'],
    ['a comment is not closed', feed(A, `${damaged}<!-- x</offer>`, Z, Z), 'RECORD_NOT_CLOSED'],
    ['an instruction is not closed', feed(A, `${damaged}<?x </offer>`, Z, Z), 'RECORD_NOT_CLOSED']
  ])('%s', (_name, xml, code) => {
    const { records, malformed } = read(xml)
    const wanted = xml.split(Z).length - 1
    expect(records).toEqual([{ id: '1' }, ...Array.from({ length: wanted }, () => ({ id: '9' }))])
    expect(malformed[0]).toBe(`${code}@${offset}`)
  })

  const hiding = (open: string, close: string): string =>
    `<offer><id>5</id><t>${open}x</t></offer>\n${Z}\n<offer><id>6</id><t>y${close}</t></offer>`
  const unclosed = `<offer><id>5</id><t><![CDATA[x<offer><id>6</id><t><![CDATA[y]]></t></offer>`
  test.each([
    ['CDATA that lost its end, and ends with that of a later record', hiding('<![CDATA[', ']]>')],
    ['a comment that lost its end', hiding('<!-- ', ' -->')],
    ['an instruction that lost its end', hiding('<?x ', '?>')],
    ['CDATA that lost its end in a record that lost its own', unclosed]
  ])('%s: what it hides is not gone, and the others are read', (_name, record) => {
    const { records, malformed, fault } = read(feed(A, record, Z))
    expect(records).toEqual([{ id: '1' }, expect.objectContaining({ id: '5' }), { id: '9' }])
    expect(malformed).toEqual([])
    expect(fault).toBe('FEED_STRUCTURE')
  })

  test('a start tag that is missing is reported where it is noticed', () => {
    expect(read(feed(A, '<id>5</id></offer>', Z))).toMatchObject({
      records: [{ id: '1' }, { id: '9' }],
      malformed: [expect.stringMatching(/^RECORD_NOT_OPENED@/)]
    })
  })

  test('a record larger than allowed is skipped, whatever it holds', () => {
    const large = `<offer><t>${'x'.repeat(300)}</t></offer>`
    const unclosed = `<offer><![CDATA[${'x'.repeat(300)}</offer>`
    const options = { maxRecordBytes: 200 }
    const code = `RECORD_TOO_LARGE@${offset}`
    expect(read(feed(A, large, Z), OFFERS, options)).toEqual({
      ...sound,
      records: [{ id: '1' }, { id: '9' }],
      malformed: [code]
    })
    expect(read(feed(A, unclosed, Z), OFFERS, options)).toMatchObject({
      records: [{ id: '1' }, { id: '9' }],
      malformed: [code]
    })
    expect(read(feed(A, large), OFFERS, options)).toEqual({
      ...sound,
      records: [{ id: '1' }],
      malformed: [code],
      fault: 'FEED_STRUCTURE'
    })
  })

  test('a comment between records that is not closed costs at most the largest record', () => {
    const options = { maxRecordBytes: 60 }
    const xml = feed(A, '<!-- x', Z, Z, Z, Z)
    expect(read(xml, OFFERS, options)).toMatchObject({
      records: [{ id: '1' }, { id: '9' }, { id: '9' }, { id: '9' }, { id: '9' }],
      fault: 'FEED_STRUCTURE'
    })
  })
})

describe('the time of the file beside the records', () => {
  const selector: XmlLayout = { ...OFFERS, generatedAt: ['root', 'at'] }
  const at = '<at>2026</at>'
  const unclosed = '<offer><id>0</id>'

  test.each([
    ['before them', feed(at, A, Z)],
    ['between them', feed(A, at, Z)],
    ['behind them', feed(A, Z, at)]
  ])('%s: its text is no stray text', (_name, xml) => {
    expect(read(xml, selector)).toEqual({
      ...sound,
      records: [{ id: '1' }, { id: '9' }],
      generatedAt: ['2026']
    })
  })

  test('read again behind damage: its text is no stray text', () => {
    const xml = feed(unclosed, A, at, Z)
    expect(read(xml, selector)).toEqual({
      ...sound,
      records: [{ id: '1' }, { id: '9' }],
      malformed: [`RECORD_NOT_CLOSED@${xml.indexOf(unclosed)}`],
      generatedAt: ['2026']
    })
  })

  test.each([
    ['before it', feed('oops', at, A)],
    ['behind it', feed(at, 'oops', A)],
    ['behind an empty one', feed('<at/>', 'oops', A)],
    ['behind one read again', feed(unclosed, A, at, 'oops')]
  ])('text %s is stray all the same', (_name, xml) => {
    expect(read(xml, selector)).toMatchObject({ fault: 'FEED_STRUCTURE' })
  })
})

describe('what is wrong with the document', () => {
  test.each([
    ['empty', '', 'FEED_EMPTY'],
    ['blank', ' \n\t', 'FEED_EMPTY'],
    ['only a byte order mark', '\ufeff', 'FEED_EMPTY'],
    ['only a declaration', '<?xml version="1.0"?>\n', 'FEED_EMPTY'],
    ['an HTML page', '<!DOCTYPE html><html><body><offer></body></html>', 'FEED_HTML'],
    ['an old HTML page', '\n<HTML><HEAD></HEAD></HTML>', 'FEED_HTML'],
    ['an error message', 'Error: too many connections', 'FEED_NOT_XML'],
    ['JSON', '{"root":{"offer":[]}}', 'FEED_NOT_XML'],
    ['another root', `<feed><root>${A}</root></feed>`, 'FEED_ROOT']
  ])('%s', (_name, xml, fault) => {
    expect(read(xml)).toEqual({ ...sound, records: [], fault })
  })

  test('a file cut anywhere is never complete, and loses no record before the cut', () => {
    const bytes = Buffer.from(feed(A, '<offer><t><![CDATA[x]]></t><!-- c --></offer>', Z).trimEnd())
    for (let length = 0; length < bytes.length; length++) {
      const events = scan([bytes.subarray(0, length)], OFFERS, {})
      const text = bytes.toString('utf8', 0, length)
      expect(events.filter(({ kind }) => kind === 'record')).toHaveLength(text.split('</offer>').length - 1)
      expect(events.filter(({ kind }) => kind === 'malformed')).toHaveLength(0)
      expect(events.at(-1)).toMatchObject({ complete: false })
    }
  })

  test('what stands behind the root is reported and not read', () => {
    for (const more of [`<root>${Z}</root>`, '<br />Notice: x', '</root>', '<!-- cut', '\u0000']) {
      expect(read(feed(A) + more)).toEqual({ ...sound, records: [{ id: '1' }], fault: 'FEED_TRAILING' })
    }
    expect(read(`${feed(A)}<!-- bye --><?x y?>\n`)).toEqual({ ...sound, records: [{ id: '1' }] })
  })

  test.each([
    [
      'a warning of the vendor’s own program',
      '\n<br />\n<b>Warning</b>:  mysqli::query() in <b>feed.php</b>\n'
    ],
    ['a message', 'Error: too many connections'],
    ['a reference', '&nbsp;'],
    ['what is no tag', '1 < 2']
  ])('%s between the records: they are read, and the file is not complete', (_name, text) => {
    const fault = 'FEED_STRUCTURE'
    expect(read(feed(A, text, Z))).toEqual({ ...sound, records: [{ id: '1' }, { id: '9' }], fault })
    expect(read(feed(text, A))).toEqual({ ...sound, records: [{ id: '1' }], fault })
    expect(read(feed(A, text))).toEqual({ ...sound, records: [{ id: '1' }], fault })
    expect(read(feed(`<meta>${A} ${text}</meta>`, A)).fault).toBeUndefined()
  })

  test('tags that do not match around the records are reported, and the records read', () => {
    const fault = 'FEED_STRUCTURE'
    expect(read(feed(A, '<meta><x></meta>', Z))).toMatchObject({ records: [{ id: '1' }, { id: '9' }], fault })
    expect(read(feed(A, '</meta>', Z))).toMatchObject({ records: [{ id: '1' }, { id: '9' }], fault })
  })
})

test('tiny chunks of one long CDATA section are not read again and again', () => {
  const xml = Buffer.from(feed(`<offer><t><![CDATA[${'x'.repeat(1_000_000)}]]></t></offer>`))
  const scanner = new XmlScanner(OFFERS)
  const begin = performance.now()
  let records = 0
  for (let at = 0; at < xml.length; at += 7) records += [...scanner.push(xml.subarray(at, at + 7))].length
  expect(records).toBe(1)
  // Quadratic work would take minutes; the bound is far above what a busy machine needs.
  expect(performance.now() - begin).toBeLessThan(10_000)
})

test('a file in which no record is closed is read in linear time', () => {
  const xml = Buffer.from(feed(...Array.from({ length: 20_000 }, (_, id) => `<offer><id>${id}</id>`)))
  const begin = performance.now()
  const events = scan([xml], OFFERS, {})
  expect(events.at(-1)).toMatchObject({ kind: 'end', malformed: 20_000 })
  expect(performance.now() - begin).toBeLessThan(10_000)
})

/** Six megabytes of one thing inside a record, read as a file is; the bound is far above what they need. */
const flood = (piece: string): ScannedEvent | undefined => {
  const xml = Buffer.from(`<root><offer>${piece.repeat(Math.ceil(6_000_000 / piece.length))}</root>`)
  const scanner = new XmlScanner(OFFERS)
  const begin = performance.now()
  let last: ScannedEvent | undefined
  for (let at = 0; at < xml.length; at += 65_536) {
    for (const event of scanner.push(xml.subarray(at, at + 65_536))) last = event
  }
  for (const event of scanner.finish()) last = event
  expect(performance.now() - begin).toBeLessThan(20_000)
  return last
}

describe('a file broken on purpose costs no more than another of its size', () => {
  test.each([
    ['nothing but start tags', '<offer>', {}],
    ['records that hold a start tag and much else', `<offer>${'x'.repeat(500)}`, {}],
    ['CDATA sections that never end', '<offer><![CDATA[', {}],
    ['CDATA sections and comments that never end', '<offer><![CDATA[<offer><!--', {}],
    ['attributes that never end', '<offer a="', {}],
    ['end tags without a start', '</offer>', {}],
    [
      'records in comments in a record that never ends',
      `<!--<offer>-->${'<b/>'.repeat(100)}`,
      { complete: false }
    ]
  ])(
    '%s',
    (_name, piece, end) => {
      expect(flood(piece)).toMatchObject({ kind: 'end', ...end })
    },
    30_000
  )
})
