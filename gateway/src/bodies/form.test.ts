import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { MAX_FIELDS } from '../limits.ts'
import { readForm } from './form.ts'

const read = (text: string, charset?: string) => readForm(Buffer.from(text, 'latin1'), charset)

describe('a form', () => {
  it.each([
    ['id=7&name=A+B', { id: '7', name: 'A B' }],
    ['&&a=1&&b=2&', { a: '1', b: '2' }],
    ['a&b=', { a: '', b: '' }],
    ['a=1&a=2', { a: ['1', '2'] }],
    ['a[]=1&a[]=2', { a: ['1', '2'] }],
    ['a[1]=y&a[0]=x', { a: ['x', 'y'] }],
    ['a[5]=x', { a: { '5': 'x' } }],
    ['a[0]=x&a[b]=y', { a: { '0': 'x', b: 'y' } }],
    ['a[][id]=1&a[][id]=2', { a: [{ id: '1' }, { id: '2' }] }],
    ['0=x&1=y', { '0': 'x', '1': 'y' }],
    ['a=b=c', { a: 'b=c' }],
    ['a%5Bb%5D=1', { a: { b: '1' } }],
    ['a[b=1&[c]=2&d[e]f=3&g]=4&h[[i]]=5', { 'a[b': '1', '[c]': '2', 'd[e]f': '3', 'g]': '4', 'h[[i]]': '5' }],
    ['a=100%&b=%zz', { a: '100%', b: '%zz' }],
    ['a= 007 &b=%0D%0A', { a: ' 007 ', b: '\r\n' }]
  ])('%s', (text, value) => expect(read(text)).toEqual(value))

  it('is what Bitrix24 sends', () => {
    // The example of https://apidocs.bitrix24.com/api-reference/events/, with its placeholders.
    const body = [
      'event=ONCRMDEALUPDATE',
      'data[FIELDS][ID]=123',
      'ts=1466439714',
      'auth[domain]=example.bitrix24.com',
      'auth[application_token]=secret'
    ].join('&')
    expect(read(body)).toEqual({
      event: 'ONCRMDEALUPDATE',
      data: { FIELDS: { ID: '123' } },
      ts: '1466439714',
      auth: { domain: 'example.bitrix24.com', application_token: 'secret' }
    })
  })

  it('is read in its charset, escaped or not', () => {
    expect(read('name=%CF%F0%E8%E2%E5%F2&city=\xc2\xe0\xf0\xed\xe0', 'windows-1251')).toEqual({
      name: 'Привет',
      city: 'Варна'
    })
  })

  it('keeps prototype names as names', () => {
    const form = read('__proto__[polluted]=1&constructor[prototype][polluted]=1')
    expect(Object.keys(form)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(JSON.stringify(form)).toBe(
      '{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"polluted":"1"}}}'
    )
  })

  it.each([
    ['a=1&a[b]=2', 'BODY_MALFORMED'],
    ['a[b]=1&a=2', 'BODY_MALFORMED'],
    ['a=%FF', 'BODY_MALFORMED'],
    [`a${'[x]'.repeat(MAX_RECORD_DEPTH)}=1`, 'RECORD_TOO_DEEP'],
    [`a${'[]'.repeat(500_000)}=1`, 'RECORD_TOO_DEEP'],
    ['a=1&'.repeat(MAX_FIELDS + 1), 'VALUES_TOO_MANY'],
    [`a${'[x]'.repeat(25)}=1&`.repeat(MAX_FIELDS / 25), 'VALUES_TOO_MANY']
  ])('%.30s is refused with %s', (text, code) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code }))
  })

  it('gives back any fields that a browser would send', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => value.isWellFormed())
    const name = text.filter((value) => value !== '' && !value.includes('['))
    fc.assert(
      fc.property(fc.dictionary(name, text, { minKeys: 1, noNullPrototype: true }), (fields) => {
        expect(read(new URLSearchParams(fields).toString())).toEqual(fields)
      }),
      { numRuns: 1_000 }
    )
  })
})
