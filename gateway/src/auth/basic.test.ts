import { describe, expect, it } from 'vitest'
import { ask, sourceOf } from './door.fixture.ts'

const NOW = 0
const SOURCE = sourceOf({ scheme: 'basic' }, 'acme:pass:wörd')
const basic = (credentials: string) => ({
  headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
})

describe('HTTP Basic', () => {
  it('accepts user and password, which may hold colons and any character', () => {
    expect(ask(SOURCE, basic('acme:pass:wörd'), NOW)).toEqual({ ok: true, secretId: 1 })
    const { authorization } = basic('acme:pass:wörd').headers
    expect(
      ask(SOURCE, { headers: { authorization: authorization.replace('Basic', 'basic ') } }, NOW).ok
    ).toBe(true)
  })

  it.each(['acme:pass', 'acme:pass:wörd ', 'Acme:pass:wörd', ':', '', 'acme', 'acme:', 'acme:pass:wörd\0'])(
    'refuses %j',
    (credentials) => expect(ask(SOURCE, basic(credentials), NOW).ok).toBe(false)
  )

  it('is missing without the header, and invalid when it says something else', () => {
    expect(ask(SOURCE, {}, NOW)).toMatchObject({ code: 'CREDENTIALS_MISSING', missing: true })
    for (const authorization of ['Bearer x', 'Basic', 'Basic !!', 'Basic YQ== junk']) {
      expect(ask(SOURCE, { headers: { authorization } }, NOW)).toMatchObject({ code: 'CREDENTIALS_INVALID' })
    }
  })
})
