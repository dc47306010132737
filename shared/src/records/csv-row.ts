import { parse } from 'csv-parse/sync'
import type { CsvLayout } from './layout.ts'

/** The cells of one row, without blanks around; `undefined` when it is no row: quotes that do not fit. */
export const cellsOf = (
  bytes: Buffer,
  { delimiter = ',', quote = '"', escape }: CsvLayout
): string[] | undefined => {
  try {
    const [row] = parse(bytes, {
      delimiter,
      quote: quote === false ? null : quote,
      escape: escape ?? (quote === false ? null : quote),
      relax_column_count: true,
      record_delimiter: RECORD_ENDS,
      max_record_size: 0
    })
    return row?.map((cell) => cell.trim())
  } catch {
    return undefined
  }
}

const RECORD_ENDS = ['\r\n', '\n', '\r']
