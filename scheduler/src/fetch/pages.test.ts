import { describe, expect, test } from 'vitest'
import { createPager, valueInJson } from './pages.ts'

const START = 'https://v.example/feed?lang=es'
const body = (sha256: string) => ({ sha256 })
const none = { link: undefined }

describe('pages by number', () => {
  const rule = { by: 'parameter', name: 'page', first: 1 } as const
  test('end with the one that is empty', () => {
    const pager = createPager(START, rule)
    expect(pager.looksFor).toEqual({ kind: 'records' })
    expect(pager.first()).toBe(`${START}&page=1`)
    expect(pager.next(body('a'), { ...none, isEmpty: false })).toBe(`${START}&page=2`)
    expect(pager.next(body('b'), { ...none, isEmpty: true })).toBeUndefined()
  })
  test('of a server that does not count end at once', () => {
    const pager = createPager(START, rule)
    pager.first()
    pager.next(body('a'), none)
    expect(() => pager.next(body('a'), none)).toThrow('does the server know "page"?')
  })
  test('may begin at 0, and there is an end to them', () => {
    const pager = createPager(START, { ...rule, first: 0 })
    expect(pager.first()).toBe(`${START}&page=0`)
    expect(() => {
      for (let page = 0; page < 20_000; page++) pager.next(body(String(page)), none)
    }).toThrow('more than 10000 pages')
  })
})

describe('pages by link', () => {
  test('are relative to the page before', () => {
    const pager = createPager('https://v.example/a/1', { by: 'link' })
    expect(pager.first()).toBe('https://v.example/a/1')
    expect(pager.next(body('a'), { link: '2?x=1' })).toBe('https://v.example/a/2?x=1')
    expect(pager.next(body('b'), { link: '3' })).toBe('https://v.example/a/3')
    expect(pager.next(body('c'), none)).toBeUndefined()
  })
  test('in a circle are refused', () => {
    const pager = createPager(START, { by: 'link' })
    pager.first()
    expect(() => pager.next(body('a'), { link: START })).toThrow('was fetched before')
  })
  test.each([
    'file:///etc/hostname',
    'ftp://v.example/2',
    'sftp://v.example/2',
    'http://v.example/2',
    'data:,x'
  ])('never lead to %s from TLS', (link) => {
    const pager = createPager(START, { by: 'link' })
    pager.first()
    expect(() => pager.next(body('a'), { link })).toThrow('no address of a next page we follow')
  })
  test('may go on with another server, and to TLS but not back', () => {
    const pager = createPager('http://v.example/1', { by: 'link' })
    pager.first()
    expect(pager.next(body('a'), { link: 'http://w.example/2' })).toBe('http://w.example/2')
    expect(pager.next(body('b'), { link: 'https://w.example/3' })).toBe('https://w.example/3')
    expect(() => pager.next(body('c'), { link: 'http://w.example/4' })).toThrow('we follow')
  })
})

test('pages by a value: null, absent and empty are the end, and what is no JSON is no end', () => {
  const rule = { by: 'json', path: ['links', 'next'] } as const
  const pager = createPager(START, { ...rule, path: [...rule.path] })
  pager.first()
  const found = (text: string) => ({ ...none, value: valueInJson(text, rule.path) })
  expect(pager.next(body('a'), found('{"links":{"next":"/2"}}'))).toBe('https://v.example/2')
  for (const text of ['{"links":{"next":null}}', '{"links":{}}', '[]', '{"links":{"next":""}}']) {
    expect(pager.next(body('b'), found(text))).toBeUndefined()
  }
  expect(valueInJson('\uFEFF{"links":{"next":"/2"}}', rule.path)).toBe('/2')
  expect(() => valueInJson('<html>', rule.path)).toThrow('The page is no JSON')
})

test('a local file has no pages', () => {
  expect(() => createPager('/srv/feed.xml', { by: 'link' })).toThrow('Only a feed at an http(s) URL')
})
