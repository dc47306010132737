import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ask, sourceOf } from './door.fixture.ts'

const NOW = 1_700_000_000_000
const SECRET = 'a secret for signing'

const slack = (body: string) => {
  const signature = createHmac('sha256', SECRET).update(`v0:1700000000:${body}`).digest('hex')
  return {
    body,
    headers: { 'x-slack-request-timestamp': '1700000000', 'x-slack-signature': `v0=${signature}` }
  }
}
const github = (body: string) => ({
  body,
  headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}` }
})

describe("a vendor's question whether we are there", () => {
  it('is answered as Slack wants: with its challenge, as text', () => {
    const answer = ask(
      sourceOf({ scheme: 'slack' }, SECRET),
      slack('{"token":"t","challenge":"3eZbrw1a<b>","type":"url_verification"}'),
      NOW
    )
    expect(answer).toMatchObject({
      ok: true,
      challenge: { status: 200, contentType: 'text/plain; charset=utf-8', body: '3eZbrw1a<b>' }
    })
  })

  it("is answered as GitHub's ping wants: with success", () => {
    const answer = ask(sourceOf({ scheme: 'github' }, SECRET), github('{"zen":"Keep it.","hook_id":1}'), NOW)
    expect(answer).toMatchObject({ ok: true, challenge: { status: 200, body: '{}' } })
  })

  it('is no answer to what is not signed', () => {
    const request = slack('{"challenge":"3eZbrw1a","type":"url_verification"}')
    const forged = { ...request, body: request.body.replace('3eZ', '3eY') }
    expect(ask(sourceOf({ scheme: 'slack' }, SECRET), forged, NOW)).toMatchObject({ ok: false })
  })

  it.each([
    ['a record', '{"id":"A-1","type":"offer"}'],
    ['a challenge that is no text', '{"type":"url_verification","challenge":{"a":1}}'],
    ['a nested one', '{"data":{"type":"url_verification","challenge":"x"}}'],
    ['one in a prototype', '{"__proto__":{"type":"url_verification","challenge":"x"}}'],
    ['no JSON', '"type":"url_verification","challenge"'],
    ['an event', '{"type":"event_callback","event_id":"Ev1","challenge":"x"}']
  ])('is not seen in %s', (_, body) => {
    const answer = ask(sourceOf({ scheme: 'slack' }, SECRET), slack(body), NOW)
    expect(answer).toMatchObject({ ok: true })
    expect(answer).not.toHaveProperty('challenge')
  })
})
