import type { RecordContext } from './record-events.ts'

/** Names of columns; an empty one leaves its column out. */
export const columnsOf = (names: readonly string[]): string[] => names.map((name) => name.trim())

/** Why nothing can be read by these columns. */
export const columnsFault = (columns: readonly string[]): string | undefined => {
  const names = columns.filter((name) => name !== '')
  if (names.length === 0) return 'the first row names no column'
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? undefined : `two columns are called "${twice.slice(0, 60)}"`
}

export const toColumnContext = (columns: readonly string[]): RecordContext => ({
  values: undefined,
  columns,
  json: JSON.stringify(columns)
})

/** A row as an object: by names, or by positions from `1`. */
export const toRow = (cells: readonly unknown[], columns: readonly string[] | undefined): object =>
  Object.fromEntries(
    cells.flatMap((cell, index) => {
      const name = columns === undefined ? String(index + 1) : (columns[index] ?? '')
      return name === '' ? [] : [[name, cell]]
    })
  )
