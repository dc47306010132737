import fc from 'fast-check'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { renderFields, renderTable, toned, type Cell, type Column } from './render.ts'
import { clean, displayWidth, truncate } from './text.ts'

const plain = (width: number) => ({ width, color: false })
const COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'WHAT', shrinkTo: 8 },
  { title: 'SENT', align: 'right' },
  { title: 'WHEN', drop: 1 }
]
const ROW: readonly Cell[] = [
  '4711',
  'a house by the sea with a garden',
  '12,000',
  '2026-11-23T14:38+01:00 (3m ago)'
]

describe('renderTable', () => {
  test('puts each column under its title, numbers to the right, and nothing behind the last', () => {
    expect(
      renderTable(
        [{ title: 'ID' }, { title: 'SENT', align: 'right' }, { title: 'X' }],
        [
          ['a', '1', 'x'],
          ['bcd', '12,000', '']
        ],
        plain(100)
      ).split('\n')
    ).toEqual(['ID     SENT  X', 'a         1  x', 'bcd  12,000'])
  })

  test('shrinks what may shrink before it drops what may be dropped', () => {
    const shrunk = renderTable(COLUMNS, [ROW], plain(62))
    expect(shrunk).toContain('a house by the…')
    expect(shrunk).toContain('WHEN')
    expect(Math.max(...shrunk.split('\n').map(displayWidth))).toBeLessThanOrEqual(62)
    const dropped = renderTable(COLUMNS, [ROW], plain(40))
    expect(dropped).not.toContain('WHEN')
    expect(dropped).toContain('a house by the sea')
  })

  test('takes short forms before it drops anything', () => {
    const when = { text: '2026-11-23T14:38+01:00 (3m ago)', short: '3m ago', tone: undefined }
    const table = renderTable(COLUMNS, [ROW.with(3, when)], plain(40))
    expect(table).toMatch(/^4711  a house by the se…  12,000  3m ago$/m)
  })

  test('becomes blocks where no table fits, and cuts nothing', () => {
    const blocks = renderTable([{ title: 'ID' }, { title: 'WHEN' }], [['x'.repeat(50), 'now']], plain(40))
    expect(blocks.replaceAll(/\s/g, '')).toBe(`ID${'x'.repeat(50)}WHENnow`)
  })

  test('never takes more than the screen has, whatever the cells', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string()), {
          minLength: 1,
          maxLength: 5
        }),
        fc.integer({ min: 40, max: 120 }),
        (rows, width) => {
          const text = renderTable(
            [
              { title: 'A', shrinkTo: 5 },
              { title: 'B', shrinkTo: 5 },
              { title: 'C', drop: 1 }
            ],
            rows,
            plain(width)
          )
          for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(width)
        }
      )
    )
  })

  test('colours only where the screen has colours, and colour changes no width', () => {
    const rows = [[toned('failed', 'bad'), 'x']]
    const columns = [{ title: 'STATE' }, { title: 'B' }]
    const colored = renderTable(columns, rows, { width: 80, color: true })
    expect(colored).toContain('\u001b[31mfailed')
    expect(stripVTControlCharacters(colored)).toBe(renderTable(columns, rows, plain(80)))
  })
})

describe('what a vendor sends', () => {
  test('cannot steer the terminal', () => {
    expect(clean('\u001b[2Jgone\u0007')).toBe('\\u001b[2Jgone\\u0007')
    expect(clean('abc\u202edcb')).toBe('abc\\u202edcb')
    expect(clean('two\nlines')).toBe('two\\u000alines')
    expect(clean('two\r\nlines\tof text', true)).toBe('two\nlines  of text')
    expect(renderTable([{ title: 'ID' }], [['\u001b[31mred']], { width: 80, color: true })).not.toContain(
      '\u001b[31mred'
    )
  })
})

describe('displayWidth and truncate', () => {
  test.each([
    ['plain', 5],
    ['Квартира', 8],
    ['東京', 4],
    ['e\u0301', 1],
    ['👨‍👩‍👧', 2]
  ])('%s takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })

  test('a wide character is not cut in half', () => {
    expect(truncate('東京都港区', 6)).toBe('東京…')
    expect(truncate('short', 5)).toBe('short')
  })
})

test('fields wrap under their own start, and keep the lines a value has', () => {
  expect(
    renderFields(
      [
        ['id', '4711'],
        ['text', 'first line\na second line that is too long']
      ],
      plain(30)
    ).split('\n')
  ).toEqual(['id    4711', 'text  first line', '      a second line that is', '      too long'])
})
