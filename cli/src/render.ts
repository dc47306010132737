import { styleText } from 'node:util'
import { clean, displayWidth, truncate, wrap } from './text.ts'

/** Pure text: nothing here knows a command, a table of the database or a stream. */

export interface Screen {
  /** Columns a line may take. */
  width: number
  color: boolean
}

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** May be cut with an ellipsis when the screen is narrow, down to this many columns. */
  shrinkTo?: number
  /** Left out when shrinking is not enough; the highest number goes first. */
  drop?: number
}

export type Tone = 'good' | 'warn' | 'bad' | 'dim' | 'strong'

/** Text with a meaning that colour may carry, never colour alone. */
export interface Toned {
  text: string
  tone: Tone | undefined
  /** Stands for the text where a table has no room for it. */
  short?: string
}

export type Cell = string | Toned

const GAP = '  '
const STYLES = { good: 'green', warn: 'yellow', bad: 'red', dim: 'dim', strong: 'bold' } as const

export const toned = (text: string, tone: Tone): Toned => ({ text, tone })

/**
 * Rows under their titles, fitted to the screen: columns that may shrink do, then what has a short form takes it, then
 * columns that may go, go; when even that is not enough every row becomes a block of labelled lines, so that nothing is ever cut that may not be cut.
 */
export const renderTable = (
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  screen: Screen
): string => {
  const cells = rows.map((row) => row.map(toSafe))
  const fitted = fit(columns, cells, screen.width)
  if (fitted === undefined) return renderBlocks(columns, cells, screen)
  const line = (texts: readonly Toned[]): string =>
    fitted.placed
      .map(({ index, width }, place) => {
        const { text, tone } = texts[index] ?? toned('', 'dim')
        const cut = truncate(text, width)
        const space = ' '.repeat(width - displayWidth(cut))
        const isLast = place === fitted.placed.length - 1
        const styled = paint(cut, tone, screen)
        return columns[index]?.align === 'right' ? space + styled : styled + (isLast ? '' : space)
      })
      .join(GAP)
      .trimEnd()
  return [line(columns.map((column) => toned(column.title, 'dim'))), ...fitted.cells.map(line)].join('\n')
}

/** `label  value` lines, labels in one column, long values wrapped under their own start. */
export const renderFields = (
  fields: readonly (readonly [label: string, value: Cell])[],
  screen: Screen
): string => {
  const labelWidth = Math.max(0, ...fields.map(([label]) => displayWidth(label)))
  const valueWidth = Math.max(20, screen.width - labelWidth - GAP.length)
  return fields
    .flatMap(([label, value]) => {
      const lines = clean(textOf(value), true)
        .split('\n')
        .flatMap((text) => wrap(text, valueWidth))
      return lines.map((text, index) => {
        const head = (index === 0 ? label : '').padEnd(labelWidth)
        return `${paint(head, 'dim', screen)}${GAP}${paint(text, toneOf(value), screen)}`.trimEnd()
      })
    })
    .join('\n')
}

export const paint = (text: string, tone: Tone | undefined, screen: Pick<Screen, 'color'>): string =>
  screen.color && tone !== undefined && text !== ''
    ? styleText(STYLES[tone], text, { validateStream: false })
    : text

interface Placed {
  index: number
  width: number
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text)
const toneOf = (cell: Cell): Tone | undefined => (typeof cell === 'string' ? undefined : cell.tone)

const toSafe = (cell: Cell): Toned => {
  if (typeof cell === 'string') return { text: clean(cell), tone: undefined }
  return { ...cell, text: clean(cell.text) }
}

const toShort = (cell: Toned): Toned => ({ ...cell, text: cell.short ?? cell.text })

interface Fitted {
  cells: readonly (readonly Toned[])[]
  placed: readonly Placed[]
}

const fit = (columns: readonly Column[], rows: Fitted['cells'], width: number): Fitted | undefined => {
  const every = columns.map((_, index) => index)
  const whole = place(every, columns, rows, width)
  if (whole !== undefined) return whole
  const short = rows.map((row) => row.map(toShort))
  const inOrderOfLeaving = every
    .filter((index) => columns[index]?.drop !== undefined)
    .toSorted((a, b) => (columns[b]?.drop ?? 0) - (columns[a]?.drop ?? 0))
  for (let gone = 0; gone <= inOrderOfLeaving.length; gone += 1) {
    const left = new Set(inOrderOfLeaving.slice(0, gone))
    const kept = every.filter((index) => !left.has(index))
    const fitted = place(kept, columns, short, width)
    if (fitted !== undefined) return fitted
  }
  return undefined
}

/** Takes one column at a time from the widest that may still give; `undefined` when none may and it is still too wide. */
const place = (
  kept: readonly number[],
  columns: readonly Column[],
  cells: Fitted['cells'],
  width: number
): Fitted | undefined => {
  const placed = kept.map((index) => ({
    index,
    width: Math.max(
      displayWidth(columns[index]?.title ?? ''),
      ...cells.map((row) => displayWidth(row[index]?.text ?? ''))
    )
  }))
  let excess = placed.reduce((sum, each) => sum + each.width, GAP.length * (placed.length - 1)) - width
  while (excess > 0) {
    const widest = placed
      .filter((each) => each.width > (columns[each.index]?.shrinkTo ?? Number.POSITIVE_INFINITY))
      .toSorted((a, b) => b.width - a.width)[0]
    if (widest === undefined) return undefined
    widest.width -= 1
    excess -= 1
  }
  return { cells, placed }
}

const renderBlocks = (
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  screen: Screen
): string =>
  rows
    .map((row) =>
      renderFields(
        columns.flatMap((column, index) => {
          const cell = row[index]
          return cell === undefined || textOf(cell) === '' ? [] : [[column.title, cell] as const]
        }),
        screen
      )
    )
    .join('\n\n')
