import { describe, expect, it } from 'vitest'
import { redactMessage, redactText, shapeOf } from './redact.ts'

describe('redacted text', () => {
  it.each([
    ['connect to amqp://guest:hunter2@broker:5672 failed', 'hunter2'],
    ['connect to amqp://guest:hunter@2@broker failed', '2@broker'],
    ['connect to amqp://guest:hun"ter2@broker failed', 'ter2'],
    ['connect to amqp://guest:hun/ter2@broker failed', 'ter2'],
    ['GET https://feeds.example.com/x.xml?token=abc123 failed', 'abc123'],
    ['header Authorization: Bearer abc.def.ghi', 'abc.def'],
    ['password=hunter2', 'hunter2'],
    ['{"apiKey":"k-123456"}', 'k-123456'],
    ['key slk_AAAABBBBCCCCDDDD is revoked', 'AAAABBBB'],
    ['cannot use whsec_MfKQ9r8GKYqr+w/UPD8=', 'MfKQ9r8GKYqr+w/UPD8'],
    ['agent ana.perez+sales@example.es is unknown', 'ana.perez'],
    ['call +34 612 345 678', '612'],
    ['Key (email)=(ana) already exists', '(ana)'],
    ['Unexpected token, "Ana Pérez"... is not valid JSON', 'Ana']
  ])('%s loses its secret', (text, secret) => {
    expect(text).toContain(secret)
    expect(redactText(text)).not.toContain(secret)
  })

  it('keeps what helps: codes, paths, hosts and quoted identifiers', () => {
    expect(redactText('relation "offer_changes" does not exist at broker:5672')).toBe(
      'relation "offer_changes" does not exist at broker:5672'
    )
  })

  it('of a rejection loses every quoted value, identifier or not', () => {
    expect(redactMessage('"ana" is not a type; send "house"')).toBe('"…" is not a type; send "…"')
  })

  it('is bounded, however long the text', () => {
    expect(redactText('x'.repeat(1_000_000)).length).toBe(1_000)
  })
})

describe('the shape of a record', () => {
  it('says types and lengths, and no value', () => {
    const shape = shapeOf({
      price: '250000',
      beds: 3,
      agent: { name: 'Ana Pérez', email: 'ana@example.es' },
      images: [{ url: 'https://example.es/1.jpg' }, { url: 'https://example.es/2.jpg' }],
      gone: null
    })
    expect(shape).toEqual({
      price: 'string(6)',
      beds: 'number',
      agent: { name: 'string(9)', email: 'string(14)' },
      images: [{ url: 'string(24)' }, 'array(2)'],
      gone: 'null'
    })
  })

  it('is bounded in width and depth', () => {
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, index]))
    let deep: unknown = 'end'
    for (let level = 0; level < 1_000; level++) deep = { deep }
    expect(JSON.stringify(shapeOf({ wide, deep })).length).toBeLessThan(2_000)
  })
})
