import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ask, sourceOf } from './door.fixture.ts'

const NOW = 1_700_000_000_000
const SECRET = 'twelve bytes of text'
const BASE = { scheme: 'hmac', header: 'X-Signature' }

describe('HMAC as data', () => {
  it('takes no event id out of bytes that are not UTF-8: two of them would read as one', () => {
    const settings = {
      ...BASE,
      algorithm: 'sha256',
      encoding: 'hex',
      template: '{body}',
      eventIdPath: ['id']
    }
    const eventIdOf = (text: string): unknown => {
      const bytes = Buffer.from(text, 'latin1')
      const headers = { 'x-signature': createHmac('sha256', SECRET).update(bytes).digest('hex') }
      return ask(sourceOf(settings, SECRET), { body: bytes, headers }, NOW)
    }
    expect(eventIdOf('{"id":"\xc6-1"}')).toEqual({ ok: true, secretId: 1 })
    expect(eventIdOf('{"id":"\xc4-1"}')).toEqual({ ok: true, secretId: 1 })
    expect(eventIdOf('{"id":"Z-1"}')).toEqual({ ok: true, secretId: 1, eventId: 'Z-1' })
  })

  const body = Buffer.from([0x7b, 0xff, 0x00, 0xcf, 0x7d])
  const contents = { sha256: ['hex', 'base64', 'base64url'], sha512: ['hex', 'base64', 'base64url'] } as const

  it.each(
    Object.entries(contents).flatMap(([algorithm, encodings]) =>
      encodings.flatMap((encoding) => ['', 'sig='].map((prefix) => [algorithm, encoding, prefix] as const))
    )
  )('%s in %s with prefix "%s"', (algorithm, encoding, prefix) => {
    const settings = {
      ...BASE,
      algorithm,
      encoding,
      template: '{body}',
      ...(prefix === '' ? {} : { prefix })
    }
    const signature = createHmac(algorithm, SECRET).update(body).digest(encoding)
    const source = sourceOf(settings, SECRET)
    const askWith = (given: string) => ask(source, { body, headers: { 'x-signature': given } }, NOW).ok
    expect(askWith(prefix + signature)).toBe(true)
    expect(askWith(`${prefix}x${signature}`)).toBe(false)
    expect(askWith(`${prefix}${signature}, ${prefix}${signature}`)).toBe(false) // Node joins repeated headers
    if (prefix !== '') expect(askWith(signature)).toBe(false)
    if (encoding === 'hex') expect(askWith(prefix + signature.toUpperCase())).toBe(true)
    else expect(askWith(prefix + signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')))).toBe(false)
  })

  it('agrees with openssl on sha512 in base64url with a template of its own', () => {
    // printf '%s' '1700000000|{"a":1}' | openssl dgst -sha512 -hmac 'twelve bytes of text' -binary | base64 -w0 | tr '+/' '-_' | tr -d '='
    const signature = 'Ab9seK2iVMOGR6sfEuc8Rn5G5NRqCfZ02VzlQuDjr7jeU-uFfablwBhC1NvMkDFqZDcd7xU7OSKeGfa1ZcF6bA'
    const settings = {
      ...BASE,
      algorithm: 'sha512',
      encoding: 'base64url',
      template: '{timestamp}|{body}',
      timestampHeader: 'X-Time',
      timestampUnit: 'seconds',
      toleranceSeconds: 60
    }
    const headers = { 'x-signature': signature, 'x-time': '1700000000' }
    expect(ask(sourceOf(settings, SECRET), { body: '{"a":1}', headers }, NOW).ok).toBe(true)
    expect(ask(sourceOf(settings, SECRET), { body: '{"a":1}', headers }, NOW + 61_000).ok).toBe(false)
    expect(
      ask(sourceOf(settings, SECRET), { body: '{"a":1}', headers: { 'x-signature': signature } }, NOW)
    ).toMatchObject({ reason: 'no timestamp' })
  })

  it.each(['hex', 'base64'] as const)('takes secrets written in %s', (secretEncoding) => {
    const key = Buffer.from([1, 2, 3, 254, 255, 0, 7, 8, 9])
    const settings = { ...BASE, algorithm: 'sha256', encoding: 'hex', template: '{body}', secretEncoding }
    const headers = { 'x-signature': createHmac('sha256', key).update('x').digest('hex') }
    expect(ask(sourceOf(settings, key.toString(secretEncoding)), { body: 'x', headers }, NOW).ok).toBe(true)
  })

  it('takes an id of the event only from what is signed, and only where its end is fixed', () => {
    const settings = {
      ...BASE,
      algorithm: 'sha256',
      encoding: 'hex',
      template: '{header:x-event-id}.{body}',
      eventIdHeader: 'X-Event-Id'
    }
    const source = sourceOf(settings, SECRET)
    const sign = (content: string) => createHmac('sha256', SECRET).update(content).digest('hex')
    const askWith = (id: string, signedAs: string, text: string) =>
      ask(source, { body: text, headers: { 'x-event-id': id, 'x-signature': sign(signedAs) } }, NOW)
    expect(askWith('e1', 'e1.x.y', 'x.y')).toEqual({ ok: true, secretId: 1, eventId: 'e1' })
    expect(askWith('e2', 'e1.x.y', 'x.y').ok).toBe(false)
    expect(askWith('e1.x', 'e1.x.y', 'y')).toEqual({ ok: true, secretId: 1 })
    expect(ask(source, { body: 'y', headers: { 'x-signature': sign('.y') } }, NOW)).toMatchObject({
      reason: 'a signed header is missing'
    })
  })

  it('takes an id from the body only where two ids cannot read as one', () => {
    const settings = {
      ...BASE,
      algorithm: 'sha256',
      encoding: 'hex',
      template: '{body}',
      eventIdPath: ['meta', 'id']
    }
    const source = sourceOf(settings, SECRET)
    const eventId = (body: string): unknown => {
      const headers = { 'x-signature': createHmac('sha256', SECRET).update(body).digest('hex') }
      const answer = ask(source, { body, headers }, NOW)
      return answer.ok ? answer.eventId : answer
    }
    expect(eventId('{"meta":{"id":"e1"}}')).toBe('e1')
    expect(eventId('{"meta":{"id":7}}')).toBe('7')
    for (const body of [
      '{"meta":{"id":9007199254740993}}',
      '{"meta":{"id":0.1}}',
      '{"meta":{"id":""}}',
      `{"meta":{"id":"${'x'.repeat(257)}"}}`,
      '{"meta":{"id":{}}}',
      '{"meta":{}}',
      '{"__proto__":{"meta":{"id":"x"}}}',
      '[1]',
      'no JSON'
    ]) {
      expect(eventId(body)).toBeUndefined()
    }
  })
})
