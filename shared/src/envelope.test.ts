import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isExternalId,
  FACT_AT_FROM,
  fromMessage,
  recordHash,
  recordOf,
  stampOf,
  toMessage,
  type Envelope,
  type IncomingMessage
} from './envelope.ts'
import { EnvelopeError } from './errors.ts'
import { toStamp } from './stamp.ts'

const slug = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/)
const hash = fc.stringMatching(/^[0-9a-f]{64}$/)
const micros = fc.integer({ min: 0, max: 4_102_444_800 * 1e6 })
const required = {
  messageId: fc.string({ minLength: 1 }),
  type: fc.constantFrom('record' as const, 'vanished' as const),
  vendor: slug,
  source: slug,
  format: fc.string({ minLength: 1, maxLength: 64 }),
  formatVersion: fc.integer({ min: 1, max: 99_999 }),
  lane: fc.constantFrom('webhook' as const, 'feed' as const),
  externalId: fc.string({ minLength: 1, maxLength: 255, unit: 'grapheme' }).filter(isExternalId),
  factAt: micros,
  factAtFrom: fc.constantFrom(...FACT_AT_FROM),
  receivedAt: micros,
  ordinal: fc.nat(4_294_967_295),
  recordHash: hash,
  sourceRevision: fc.nat(),
  attempt: fc.nat(1000),
  body: fc
    .jsonValue()
    .map((record) => JSON.stringify(record))
    .filter((text) => !/(^|[^.\d])\d{16}/.test(text)) // numbers too long have a test of their own
    .map((text) => Buffer.from(text))
}
const envelopes: fc.Arbitrary<Envelope> = fc.record(
  {
    ...required,
    recordCount: fc.integer({ min: 2, max: 1_000 }),
    listedAt: micros,
    expiredAt: micros,
    run: fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }).map(String),
    traceparent: fc.string({ maxLength: 64 })
  },
  { requiredKeys: Object.keys(required) as (keyof typeof required)[] }
)

const example: Envelope = {
  messageId: 'd1.0',
  type: 'record',
  vendor: 'acme',
  source: 'acme-crm',
  format: 'sluice',
  formatVersion: 1,
  lane: 'webhook',
  externalId: 'BG-1',
  factAt: 1_795_428_900_123_456,
  factAtFrom: 'record',
  receivedAt: 1_795_428_901_000_000,
  ordinal: 0,
  recordHash: recordHash('{}'),
  sourceRevision: 1,
  attempt: 0,
  body: Buffer.from('{}')
}

const incoming = (envelope: Envelope): IncomingMessage => {
  const { body, properties } = toMessage(envelope, 'records')
  return { body, properties }
}

/** The message with one header set, or removed when `undefined`. */
const withHeader = (name: string, value: unknown): IncomingMessage => {
  const { body, properties } = incoming(example)
  const headers = Object.fromEntries(
    Object.entries({ ...properties.headers, [name]: value }).filter(([, inner]) => inner !== undefined)
  )
  return { body, properties: { ...properties, headers } }
}

describe('an id', () => {
  test.each(['', ' ', 'a\u0000b', 'a\nb', 'a\u007f', '\ud800', 'x'.repeat(256)])('%j is none', (text) => {
    expect(isExternalId(text)).toBe(false)
    expect(() => fromMessage(withHeader('external-id', text))).toThrow(/external-id/)
  })

  test.each(['0', 'Имот 7', 'a/b#c', 'x'.repeat(255)])('%j is one', (text) => {
    expect(isExternalId(text)).toBe(true)
  })
})

describe('round trip', () => {
  test('an envelope comes back as it was', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(fromMessage(incoming(envelope))).toEqual(envelope)
      })
    )
  })

  test('the record comes back as it was', () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(recordOf(fromMessage(incoming(envelope)))).toEqual(JSON.parse(envelope.body.toString('utf8')))
      })
    )
  })

  test('the stamp is made of the envelope', () => {
    expect(stampOf(example)).toBe(toStamp(example))
  })

  test('headers are readable: times are ISO 8601, the routing key is lane and source', () => {
    const message = toMessage(example, 'sluice.records')
    expect(message.routingKey).toBe('webhook.acme-crm')
    expect(message.properties).toMatchObject({ contentType: 'application/json', timestamp: 1_795_428_901 })
    expect(message.properties.headers['fact-at']).toBe('2026-11-23T10:15:00.123456Z')
    expect(Object.values(message.properties.headers)).not.toContain(undefined)
  })
})

describe('what another release wrote', () => {
  test('a request of one record says nothing of their number', () => {
    expect(incoming({ ...example, recordCount: 2 }).properties.headers).toMatchObject({ 'record-count': 2 })
    expect(incoming(example).properties.headers).not.toHaveProperty('record-count')
  })

  test('headers it does not know are ignored', () => {
    expect(fromMessage(withHeader('x-new', 'anything'))).toEqual(example)
  })

  test('no attempt is the first', () => {
    expect(fromMessage(withHeader('attempt', undefined)).attempt).toBe(0)
  })
})

describe('unreadable', () => {
  test.each([
    ['vendor', undefined],
    ['source', 'Not A Slug'],
    ['external-id', ''],
    ['fact-at', '2026-02-30T10:00:00.000000Z'],
    ['fact-at-from', 'rumour'],
    ['received-at', 'yesterday, about noon'],
    ['ordinal', -1],
    ['record-hash', 'abc'],
    ['run', 'seven'],
    ['format-version', '1']
  ])('header %s = %j is named', (name, value) => {
    expect(() => fromMessage(withHeader(name, value))).toThrow(name)
  })

  test.each([
    [{ messageId: undefined, type: 'record' }, 'messageId'],
    [{ messageId: 'd1.0', type: 'rumour' }, 'type'],
    [{ messageId: 'd1.0', type: 'record', headers: undefined }, 'header']
  ])('%j is unreadable', (properties, what) => {
    expect(() => fromMessage({ body: Buffer.from('{}'), properties })).toThrow(what)
  })

  test('a whole number too long for JavaScript keeps every digit, as text', () => {
    const body = Buffer.from(
      '{"id":12345678901234567890,"n":9007199254740991,"x":[-9007199254740993,1e30,0.1234567890123456]}'
    )
    expect(recordOf(fromMessage({ ...incoming(example), body }))).toEqual({
      id: '12345678901234567890',
      n: 9007199254740991,
      x: ['-9007199254740993', 1e30, 0.1234567890123456]
    })
  })

  test('a body that is no JSON is an EnvelopeError, found only when the record is needed', () => {
    const envelope = fromMessage({ ...incoming(example), body: Buffer.from('{"a":') })
    expect(() => recordOf(envelope)).toThrow(EnvelopeError)
  })

  test('a body that is not UTF-8 is one, too: nothing is put in the place of its bytes', () => {
    const envelope = fromMessage({ ...incoming(example), body: Buffer.from('{"city":"Málaga"}', 'latin1') })
    expect(() => recordOf(envelope)).toThrow(/the body is not UTF-8/)
  })

  test('any headers at all give an envelope or an EnvelopeError', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (headers, messageId) => {
        try {
          fromMessage({ body: Buffer.alloc(0), properties: { messageId, type: 'record', headers } })
        } catch (error) {
          expect(error).toBeInstanceOf(EnvelopeError)
        }
      })
    )
  })
})

test('a record’s hash is over its bytes and the context around it', () => {
  expect(recordHash('a', 'b')).toBe(recordHash(Buffer.from('ab')))
  expect(recordHash('a')).not.toBe(recordHash('a', 'context'))
})
