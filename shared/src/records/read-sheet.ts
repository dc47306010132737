import { Worker } from 'node:worker_threads'
import { encodeUtf8 } from '../encode-utf8.ts'
import { columnsFault, columnsOf, toColumnContext } from './columns.ts'
import { FileDamage } from './file-damage.ts'
import { Findings } from './findings.ts'
import type { SheetLayout } from './layout.ts'
import type { RecordContext, RecordEvent, ScannedEvent } from './record-events.ts'
import type { SheetInput, SheetMessage, SheetRow } from './sheet-worker.ts'
import { unpackedBytesOf } from './zip-sizes.ts'

/** A workbook is held in memory whole, and so is what it unpacks to: a hundred thousand offers are ten of these. */
const MAX_BYTES = 64 * 1024 * 1024
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
const HEAP_MB = 768
const SILENCE_MS = 120_000

/** The rows of a spreadsheet as records; what is above the first row of the layout's columns is no record. */
export async function* readSheet(
  stream: AsyncIterable<Uint8Array>,
  layout: SheetLayout
): AsyncGenerator<RecordEvent, void, undefined> {
  const rows = new SheetRows(layout)
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of stream) {
      bytes += chunk.length
      if (bytes > MAX_BYTES)
        throw new FileDamage('FEED_TOO_LARGE', `a workbook may have ${MAX_BYTES} bytes at most`)
      parts.push(chunk)
    }
    const workbook = Buffer.concat(parts)
    parts.length = 0
    if (bytes === 0) throw new FileDamage('FEED_EMPTY', 'the file is empty')
    if (unpackedBytesOf(workbook) > MAX_UNPACKED_BYTES) {
      throw new FileDamage('FEED_TOO_LARGE', `the workbook unpacks to more than ${MAX_UNPACKED_BYTES} bytes`)
    }
    for await (const batch of batchesOf({ bytes: workbook, sheet: layout.sheet })) {
      for (const row of batch) rows.add(row)
      yield* rows.take(bytes)
      if (rows.isFinished) break
    }
  } catch (thrown) {
    if (!(thrown instanceof FileDamage)) throw thrown
    rows.damage(thrown)
  }
  yield* rows.end(bytes)
}

const batchesOf = async function* (input: SheetInput): AsyncGenerator<SheetRow[]> {
  const worker = new Worker(new URL('./sheet-worker.ts', import.meta.url), {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB }
  })
  try {
    for (;;) {
      const message = await nextOf(worker)
      if ('isEnd' in message) return
      if ('rows' in message) {
        yield message.rows
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        worker.postMessage('next')
      } else if (message.code === 'NO_SHEET') {
        throw new FileDamage('FEED_ROOT', `there is no sheet "${input.sheet ?? ''}" in the workbook`)
      } else {
        throw new FileDamage('FEED_NOT_SHEET', `the file cannot be read as a workbook: ${message.message}`)
      }
    }
  } finally {
    await worker.terminate()
  }
}

const nextOf = (worker: Worker): Promise<SheetMessage> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => done(() => reject(new FileDamage('FEED_TOO_LARGE', 'the workbook takes too long to be read'))),
      SILENCE_MS
    )
    const onMessage = (message: SheetMessage): void => done(() => resolve(message))
    const onError = (cause: Error): void => {
      const isMemory = 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
      const damage = isMemory
        ? new FileDamage('FEED_TOO_LARGE', `the workbook takes more than ${HEAP_MB} MB to be read`, { cause })
        : cause
      done(() => reject(damage))
    }
    const onExit = (): void =>
      done(() => reject(new Error('the thread that reads a workbook ended too early')))
    const done = (then: () => void): void => {
      clearTimeout(timer)
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      then()
    }
    worker.once('message', onMessage).once('error', onError).once('exit', onExit)
  })

/** Rows → events; an offset is the number of a row. */
class SheetRows {
  readonly #layout: SheetLayout
  readonly #findings = new Findings()
  #context: RecordContext | undefined
  #isBegun = false
  #last = 0

  constructor(layout: SheetLayout) {
    this.#layout = layout
    if (Array.isArray(layout.columns)) this.#context = toColumnContext(columnsOf(layout.columns))
  }

  get isFinished(): boolean {
    return this.#findings.isFatal
  }

  add({ number, cells }: SheetRow): void {
    this.#last = number
    if (this.isFinished || cells.every((cell) => cell === '')) return
    const isHeader = !this.#isBegun && this.#layout.columns === 'header'
    this.#isBegun = true
    if (isHeader) {
      const columns = columnsOf(cells.map(String))
      const fault = columnsFault(columns)
      if (fault === undefined) this.#context = toColumnContext(columns)
      else this.#findings.fail('FEED_COLUMNS', number, fault)
      return
    }
    const row = encodeUtf8(JSON.stringify(fitted(cells, this.#context?.columns?.length)))
    this.#findings.addRecord(number, row, this.#context === undefined ? {} : { context: this.#context })
  }

  damage(damage: FileDamage): void {
    this.#findings.damage(damage, this.#last)
  }

  take(bytes: number): RecordEvent[] {
    return this.#findings.take().map((event) => placed(event, bytes))
  }

  end(bytes: number): RecordEvent[] {
    if (!this.#isBegun) this.#findings.fail('FEED_EMPTY', this.#last, 'there is no row in the sheet')
    return [...this.take(bytes), placed(this.#findings.end(this.#last), bytes)]
  }
}

/** A sheet does not keep empty cells at the end of a row, or keeps too many. */
const fitted = (cells: SheetRow['cells'], columns: number | undefined): SheetRow['cells'] => {
  if (columns === undefined) return cells
  const fit = [...cells]
  while (fit.length > columns && fit.at(-1) === '') fit.pop()
  while (fit.length < columns) fit.push('')
  return fit
}

const placed = (event: ScannedEvent, bytes: number): RecordEvent => {
  if (event.kind !== 'end') return event
  const { fault, ...end } = event
  if (fault === undefined) return { ...end, bytes }
  return { ...end, bytes, fault: { ...fault, message: `In row ${fault.offset}, ${fault.message}` } }
}
