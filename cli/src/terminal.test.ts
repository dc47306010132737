import { expect, test } from 'vitest'
import { renderFields, renderTable } from './render.ts'
import { widthOf } from './terminal.ts'

test('a terminal has its width, COLUMNS wins, and a pipe has no edge', () => {
  expect(widthOf({ isTTY: true, columns: 120 }, undefined)).toBe(120)
  expect(widthOf({ isTTY: true, columns: 20 }, undefined)).toBe(40)
  expect(widthOf({ isTTY: true }, '')).toBe(100)
  expect(widthOf({ isTTY: true, columns: 120 }, '80')).toBe(80)
  expect(widthOf({}, '80')).toBe(80)
  expect(widthOf({}, undefined)).toBe(Number.POSITIVE_INFINITY)
  expect(widthOf({}, 'wide')).toBe(Number.POSITIVE_INFINITY)
})

test('without an edge nothing is cut and nothing wrapped', () => {
  const screen = { width: Number.POSITIVE_INFINITY, color: false }
  const reason = 'why '.repeat(100).trim()
  const table = renderTable([{ title: 'ID' }, { title: 'WHY', shrinkTo: 8 }], [['1', reason]], screen)
  expect(table).toBe(`ID  WHY\n1   ${reason}`)
  expect(renderFields([['why', reason]], screen)).toBe(`why  ${reason}`)
})
