import { describe, expect, it } from 'vitest'
import { REFUSALS, Refusal, type RefusalCode } from './errors.ts'
import { problemHeaders, toProblem } from './problem.ts'
import { toRefusal } from './to-refusal.ts'

const codes = Object.keys(REFUSALS) as RefusalCode[]

describe('a problem', () => {
  it('says what the refusal says, and nothing of its cause', () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:5672 as user sluice')
    const refusal = new Refusal('NOT_ACCEPTED', 'Send it again.', { cause })
    const problem = toProblem(refusal, 'r1')
    expect(problem).toEqual({
      type: 'urn:sluice:problem:not-accepted',
      title: 'The delivery could not be stored',
      status: 503,
      detail: 'Send it again.',
      code: 'NOT_ACCEPTED',
      requestId: 'r1'
    })
  })

  it.each(codes)('%s tells a sender when to come back exactly if it is 429 or 503', (code) => {
    const headers = problemHeaders(new Refusal(code, 'No.'))
    expect('retry-after' in headers).toBe([429, 503].includes(REFUSALS[code].status))
  })

  it.each([
    ['API_KEY_MISSING', /^Bearer /],
    ['API_KEY_INVALID', /^Bearer /],
    ['CREDENTIALS_MISSING', /^Basic /],
    ['CREDENTIALS_INVALID', /^Basic /]
  ] as const)('%s asks for what the source takes', (code, challenge) => {
    expect(problemHeaders(new Refusal(code, 'No.'))['www-authenticate']).toMatch(challenge)
  })

  it('may say another time than its code does', () => {
    const refusal = new Refusal('RATE_LIMITED', 'No.', { retryAfterSeconds: 7 })
    expect(problemHeaders(refusal)['retry-after']).toBe('7')
  })

  it('is never 410, which makes senders give up for good', () => {
    expect(codes.map((code): number => REFUSALS[code].status)).not.toContain(410)
  })
})

describe('what was thrown', () => {
  it('is a bug of ours unless it says otherwise, and says nothing about itself', () => {
    const refusal = toRefusal(new TypeError('cannot read properties of undefined'))
    expect(refusal).toMatchObject({ code: 'INTERNAL', status: 500 })
    expect(refusal.message).not.toContain('undefined')
    expect(toRefusal('a string').code).toBe('INTERNAL')
    expect(toRefusal(Object.assign(new Error('x'), { statusCode: 500 })).code).toBe('INTERNAL')
  })

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'BODY_TOO_LARGE'],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'CONTENT_TYPE_UNSUPPORTED'],
    ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400, 'BODY_CUT_SHORT'],
    ['FST_ERR_SOMETHING_NEW', 400, 'REQUEST_INVALID']
  ])('%s is the sender’s to mend', (code, statusCode, expected) => {
    expect(toRefusal(Object.assign(new Error('x'), { code, statusCode })).code).toBe(expected)
  })
})
