import { expect, it } from 'vitest'
import { mediaTypeOf } from './media-type.ts'

const json = { kind: 'json' }
const utf8 = { charset: 'utf-8' }

it.each([
  ['application/json', json],
  ['Application/JSON; charset=UTF-8', { ...json, ...utf8 }],
  ['application/json;charset="utf-8"', { ...json, ...utf8 }],
  ['application/vnd.acme.offer+json', json],
  ['application/json; profile=x', json],
  ['application/x-ndjson', { kind: 'lines' }],
  ['application/ndjson', { kind: 'lines' }],
  ['application/jsonl', { kind: 'lines' }],
  ['application/xml', { kind: 'xml' }],
  ['text/xml; charset=windows-1251', { kind: 'xml', charset: 'windows-1251' }],
  ['application/soap+xml; charset=utf-8; action="urn:a"', { kind: 'xml', ...utf8 }],
  ['application/x-www-form-urlencoded', { kind: 'form' }]
])('%s is read', (type, expected) => {
  expect(mediaTypeOf({ 'content-type': type })).toEqual(expected)
})

it.each([
  undefined,
  '',
  'text/plain',
  'text/json',
  'text/html',
  'multipart/form-data; boundary=x',
  'application/jsonx'
])('%s is not', (type) => {
  expect(() => mediaTypeOf({ 'content-type': type })).toThrow(
    expect.objectContaining({ code: 'CONTENT_TYPE_UNSUPPORTED' })
  )
})
