import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { read, streamXlsxRows } from 'hucre'

/**
 * A spreadsheet taken apart in a thread of its own, whose memory is capped: a workbook cannot be read as a stream, and
 * what one holds nobody knows before. Rows go out in batches, the next one when it is asked for.
 */
export interface SheetInput {
  bytes: Uint8Array
  /** The first one when it is not given. */
  sheet: string | undefined
}

/** A row, as far as it has cells: its number as people count, and what JSON has for its cells. */
export interface SheetRow {
  number: number
  cells: (string | number | boolean)[]
}

export type SheetMessage =
  | { rows: SheetRow[] }
  | { isEnd: true }
  | { code: 'NO_SHEET' | 'UNREADABLE'; message: string }

const BATCH_ROWS = 500
const CFB = [0xd0, 0xcf, 0x11, 0xe0]

const { bytes, sheet } = workerData as SheetInput
const port = parentPort
if (port === null) throw new Error('this file is a worker')

const isOld = CFB.every((byte, index) => bytes[index] === byte)
const isBinary = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('xl/workbook.bin')

const rowsOf = async function* (): AsyncGenerator<SheetRow> {
  if (!isOld && !isBinary) {
    let isEmpty = true
    for await (const { index, values } of streamXlsxRows(bytes, sheet === undefined ? {} : { sheet })) {
      isEmpty = false
      yield { number: index + 1, cells: values.map(toCell) }
    }
    if (isEmpty && sheet !== undefined) await demandSheet(sheet)
    return
  }
  const { sheets } = await read(bytes)
  const found = sheet === undefined ? sheets[0] : sheets.find(({ name }) => name === sheet)
  if (found === undefined) throw new Error(`sheet "${sheet ?? ''}" not found`)
  const rows: readonly (readonly unknown[] | undefined)[] = found.rows // an empty one may not be there at all
  for (const [index, values = []] of rows.entries()) yield { number: index + 1, cells: values.map(toCell) }
}

/** A sheet that is not there looks like one that is empty. */
const demandSheet = async (wanted: string): Promise<void> => {
  const names: string[] = []
  await read(bytes, {
    sheets: ({ name }) => {
      names.push(name)
      return false
    }
  })
  if (!names.includes(wanted)) throw new Error(`sheet "${wanted}" not found`)
}

/** A cell has wall-clock time, as its reader gives it in UTC. */
const toCell = (value: unknown): string | number | boolean => {
  if (typeof value === 'string') return value.trim()
  if (typeof value === 'number' || typeof value === 'boolean') return value
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString().slice(0, 19) : ''
}

const send = async (message: SheetMessage): Promise<void> => {
  port.postMessage(message)
  if ('rows' in message) await once(port, 'message')
}

try {
  let rows: SheetRow[] = []
  for await (const row of rowsOf()) {
    rows.push(row)
    if (rows.length < BATCH_ROWS) continue
    await send({ rows })
    rows = []
  }
  if (rows.length > 0) await send({ rows })
  await send({ isEnd: true })
} catch (thrown) {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  await send({ code: /sheet.*not found/i.test(message) ? 'NO_SHEET' : 'UNREADABLE', message })
}
