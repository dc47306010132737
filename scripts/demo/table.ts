import { stripVTControlCharacters } from 'node:util'
import { bold } from '../progress.ts'

const GAP = '   '

/** Columns as wide as they need to be, aligned to the left; numbers (all digits and separators) to the right. */
export const toTable = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map((text) => widthOf(text)))
  )
  const isNumeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[\d., €]*$/.test(row[column] ?? ''))
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(text)))
        return isNumeric[column] ? padding + text : text + padding
      })
      .join(GAP)
      .trimEnd()
  return [bold(line(head)), ...rows.map(line)].map((text) => `  ${text}`).join('\n')
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length

export const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`
