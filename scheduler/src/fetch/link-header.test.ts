import { expect, test } from 'vitest'
import { nextLinkOf } from './link-header.ts'

test.each<[string | string[] | undefined, string | undefined]>([
  [undefined, undefined],
  ['', undefined],
  ['<https://v.example/?page=2>; rel="next"', 'https://v.example/?page=2'],
  ['<?page=2>;rel=next', '?page=2'],
  ['</a>; rel="prev", </b,c;d>; title="x, <y>; rel=next"; rel="last next"', '/b,c;d'],
  ['</a>; REL=NEXT', '/a'],
  [['</a>; rel=prev', '</b>; rel=next'], '/b'],
  ['</a>; rel="nextish"', undefined],
  ['</a>; title="rel=next"; rel=prev', undefined],
  ['</a>', undefined]
])('%s', (header, next) => {
  expect(nextLinkOf(header)).toBe(next)
})
