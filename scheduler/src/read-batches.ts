import type { DocumentEnd, Malformed, RawRecord, ReadWarning, RecordEvent } from '@sluice/shared/records'

/** Records that are looked up, published and counted together. */
export interface RecordBatch {
  records: RawRecord[]
  malformed: Malformed[]
  /** The file's own generation time, when it was read just before these records. */
  generatedAt?: string
  /** What a person should know about the file. */
  warnings: ReadWarning[]
  /** How the file ended; the last batch has it. */
  end?: DocumentEnd
}

/** One look-up in Postgres answers for so many records; their bytes are all that is held in memory. */
const BATCH_RECORDS = 500
const BATCH_BYTES = 1024 * 1024

/** Events → batches in file order; the last one carries the end of the file, and may hold nothing else. */
export const readBatches = async function* (events: AsyncIterable<RecordEvent>): AsyncGenerator<RecordBatch> {
  let batch: RecordBatch = nothing()
  let bytes = 0
  for await (const event of events) {
    switch (event.kind) {
      case 'record':
        batch.records.push(event)
        bytes += event.bytes.length
        break
      case 'malformed':
        batch.malformed.push(event)
        break
      case 'warning':
        batch.warnings.push(event)
        break
      case 'generatedAt':
        // It speaks of the records behind it: those before go first.
        if (batch.records.length + batch.malformed.length + batch.warnings.length > 0) yield batch
        batch = { ...nothing(), generatedAt: event.value }
        bytes = 0
        break
      case 'end':
        yield { ...batch, end: event }
        return
    }
    if (batch.records.length + batch.malformed.length < BATCH_RECORDS && bytes < BATCH_BYTES) continue
    yield batch
    batch = nothing()
    bytes = 0
  }
}

const nothing = (): RecordBatch => ({ records: [], malformed: [], warnings: [] })
