import { describe, expect, it } from 'vitest'
import { findFormat } from '@sluice/shared/formats'
import { parseRecord, parseXmlDocument } from '@sluice/shared/records'
import { readXml, type XmlOptions } from './xml.ts'

const read = (body: string | Buffer, options: Partial<XmlOptions> = {}) =>
  readXml(Buffer.from(body), { charset: undefined, path: undefined, format: {}, ...options })
const records = (...of: Parameters<typeof read>) => read(...of).records

/** Every character of a text as the byte windows-1251 has for it. */
const inWindows1251 = (text: string): Buffer =>
  Buffer.from(
    Array.from(text, (char) => {
      const code = char.charCodeAt(0)
      return code < 0x80 ? code : code - 0x410 + 0xc0
    })
  )

const OUTBOUND_MESSAGE = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D000000000001EAA</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <SessionId>secret</SessionId>
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/60.0/00D</EnterpriseUrl>
   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/60.0/00D</PartnerUrl>
   <Notification>
    <Id>04l000000000001AAA</Id>
    <sObject xsi:type="sf:Property__c" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>a01000000000001AAA</sf:Id><sf:Price__c>185000.10</sf:Price__c>
    </sObject>
   </Notification>
   <Notification>
    <Id>04l000000000002AAA</Id>
    <sObject xsi:type="sf:Property__c" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>a01000000000002AAA</sf:Id>
    </sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>`

describe('an XML body', () => {
  it('is one record when nobody says where its records are', () => {
    expect(
      records('<offer id="7"><price cur="EUR">1.10</price><img>a</img><img>b</img><n/></offer>')
    ).toEqual([{ '@id': '7', price: { '@cur': 'EUR', '#text': '1.10' }, img: ['a', 'b'], n: '' }])
    expect(records('<offer/>')).toEqual([{}])
    expect(records('<offer>text</offer>')).toEqual([{ '#text': 'text' }])
  })

  it('has its records where the source says, through elements that repeat on the way', () => {
    const body =
      '<a:r xmlns:a="urn:a"><g><o><id>1</id></o></g><g/><g><o><id>2</id></o><o><id>3</id></o></g></a:r>'
    expect(records(body, { path: ['r', 'g', 'o'] })).toEqual([{ id: '1' }, { id: '2' }, { id: '3' }])
  })

  it.each([[['r', 'x']], [['x']], [['x', 'g']], [['r', 'toString']], [['r', '__proto__']]])(
    'has none at %j',
    (path) => {
      expect(() => records('<r><g/></r>', { path })).toThrow(
        expect.objectContaining({ code: 'RECORDS_MISSING' })
      )
    }
  )

  it('reads a record as the feed of its format would, one or many', () => {
    const kyero = findFormat('kyero')
    if (kyero?.feed === undefined) throw new Error('Kyero has a feed')
    const property =
      '<property><id>7</id><images><image id="1"><url>https://example.com/1.jpg</url></image></images></property>'
    const expected = parseRecord({ bytes: Buffer.from(property) }, kyero.feed.records).value
    expect(expected).toMatchObject({ images: { image: [{ '@id': '1' }] } })
    expect(records(property, { format: kyero })).toEqual([expected])
    expect(records(`<root><kyero/>${property}${property}</root>`, { format: kyero })).toEqual([
      expected,
      expected
    ])
  })

  it('is decoded as its mark, its content type or its declaration says, in this order', () => {
    const offer = '<offer><city>Варна</city></offer>'
    const expected = [{ city: 'Варна' }]
    const declared = `<?xml version="1.0" encoding="windows-1251"?>${offer}`
    expect(records(inWindows1251(declared))).toEqual(expected)
    expect(records(inWindows1251(offer), { charset: 'windows-1251' })).toEqual(expected)
    expect(records(declared, { charset: 'utf-8' })).toEqual(expected)
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(declared, 'utf16le')])
    expect(records(utf16, { charset: 'utf-8' })).toEqual(expected)
    expect(records(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(declared)]))).toEqual(expected)
  })

  it.each([
    ['<a', 'BODY_MALFORMED'],
    ['<a></b>', 'BODY_MALFORMED'],
    ['<a/><b/>', 'BODY_MALFORMED'],
    ['{}', 'BODY_MALFORMED'],
    ['<a>&nbsp;</a>', 'BODY_MALFORMED'],
    ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 'BODY_MALFORMED'],
    ['<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>', 'BODY_MALFORMED'],
    ['<?xml version="1.0" encoding="utf-7"?><a/>', 'CONTENT_TYPE_UNSUPPORTED'],
    ['<a>'.repeat(100_000), 'RECORD_TOO_DEEP'],
    [`<a>${'<b/>'.repeat(200_000)}</a>`, 'VALUES_TOO_MANY'],
    [`<a ${Array.from({ length: 100_000 }, (_, n) => `b${n}=""`).join(' ')}/>`, 'VALUES_TOO_MANY'],
    [`<a>${`<b>${'<c/>'.repeat(999)}</b>`.repeat(60)}</a>`, 'VALUES_TOO_MANY']
  ])('%.60s is refused with %s', (body, code) => {
    expect(() => records(body)).toThrow(expect.objectContaining({ code }))
  })

  it('is refused when its bytes are not of its charset, instead of being guessed', () => {
    expect(() => records(inWindows1251('<a>Варна</a>'))).toThrow(
      expect.objectContaining({ code: 'BODY_MALFORMED' })
    )
  })
})

describe('a Salesforce outbound message', () => {
  it('is its objects, without the session around them, and is answered with an Ack', () => {
    const { records: found, reply } = read(OUTBOUND_MESSAGE)
    expect(found).toEqual([
      { '@type': 'sf:Property__c', Id: 'a01000000000001AAA', Price__c: '185000.10' },
      { '@type': 'sf:Property__c', Id: 'a01000000000002AAA' }
    ])
    expect(reply).toMatchObject({ status: 200, contentType: 'text/xml; charset=utf-8' })
    expect(parseXmlDocument(reply?.body ?? '', { lists: [], maxValues: 9, maxMembers: 9 }).value).toEqual({
      Body: { notificationsResponse: { Ack: 'true' } }
    })
  })

  it('is answered so wherever its records are said to be, and nothing else is', () => {
    const path = ['Envelope', 'Body', 'notifications', 'Notification']
    const { records: found, reply } = read(OUTBOUND_MESSAGE, { path })
    expect(found.map(({ Id }) => Id)).toEqual(['04l000000000001AAA', '04l000000000002AAA'])
    expect(reply).toBeDefined()
    const soap =
      '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><id>1</id></e:Body></e:Envelope>'
    expect(read(soap).reply).toBeUndefined()
    expect(read('<a><t>http://soap.sforce.com/2005/09/outbound</t></a>').reply).toBeUndefined()
  })
})
