import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { fromOfferMessage, toOfferMessage, type OfferChangeJson } from './offer-change.ts'

const units = { listPrice: { old: { amount: '1' }, new: { amount: '2' } }, rooms: { old: {} } }
const change: OfferChangeJson = {
  seq: 4711,
  vendor: 'acme',
  externalId: 'a/1',
  revision: 3,
  kind: 'updated',
  units: Buffer.from(JSON.stringify(units)),
  stamp: '0001',
  source: 'acme-crm',
  messageId: 'd.0',
  changedAt: '2026-11-25T10:00:00.999Z',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
}

describe('a message of the stream', () => {
  const message = toOfferMessage(change, 'sluice.offers')

  test('is read as what was written, without what only its headers say', () => {
    const { traceparent: _, ...said } = change
    expect(fromOfferMessage(message)).toEqual({ ...said, units })
    expect(message.routingKey).toBe('acme.updated')
    expect(message.properties).toMatchObject({
      messageId: '4711',
      type: 'offer-change',
      timestamp: 1_795_600_800
    })
  })

  test('leaves its units out when it would be too large, so that one offer cannot stop the stream', () => {
    const large = Buffer.from(JSON.stringify({ extras: { new: 'x'.repeat(9 * 1024 * 1024) } }))
    const { body } = toOfferMessage({ ...change, units: large }, 'sluice.offers')
    expect(body.length).toBeLessThan(1_000)
    expect(fromOfferMessage({ body })).toMatchObject({ seq: 4711, revision: 3 })
    expect(fromOfferMessage({ body }).units).toBeUndefined()
  })

  test.each(['{', '[]', '{"seq":0}', JSON.stringify({ ...change, units, kind: 'deleted' })])(
    'that is none is refused: %s',
    (text) => {
      expect(() => fromOfferMessage({ body: Buffer.from(text) })).toThrow('Cannot read the offer change')
    }
  )

  test('may say more than we know', () => {
    const body = Buffer.from(JSON.stringify({ ...change, units, later: true }))
    expect(fromOfferMessage({ body })).toMatchObject({ seq: 4711 })
  })

  test('is explained by docs/stream.md, every field, property and header', () => {
    const manual = readFileSync(fileURLToPath(new URL('../../docs/stream.md', import.meta.url)), 'utf8')
    const { headers, ...properties } = message.properties
    const fields = Object.keys(fromOfferMessage(message))
    for (const name of [...fields, ...Object.keys(properties)])
      expect(manual, name).toContain(`\n| \`${name}\``)
    const row = manual.split('\n').find((line) => line.startsWith('| headers')) ?? ''
    for (const name of Object.keys(headers)) expect(row).toContain(`\`${name}\``)
  })
})
