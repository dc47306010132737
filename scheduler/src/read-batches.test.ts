import { expect, test } from 'vitest'
import type { RecordEvent } from '@sluice/shared/records'
import { readBatches, type RecordBatch } from './read-batches.ts'

const record = (ordinal: number, size = 1): RecordEvent => ({
  kind: 'record',
  ordinal,
  offset: ordinal,
  bytes: Buffer.alloc(size)
})
const end: RecordEvent = { kind: 'end', complete: true, records: 0, malformed: 0, bytes: 0 }

const batches = async (events: RecordEvent[]): Promise<RecordBatch[]> => {
  const found: RecordBatch[] = []
  for await (const batch of readBatches(iterate(events))) found.push(batch)
  return found
}
const iterate = async function* (events: RecordEvent[]): AsyncGenerator<RecordEvent> {
  yield* events
}
const sizes = async (events: RecordEvent[]): Promise<number[]> =>
  (await batches(events)).map(({ records }) => records.length)

test('a batch is full by count or by bytes, and the last one carries the end', async () => {
  const many = Array.from({ length: 1_050 }, (_, ordinal) => record(ordinal))
  expect(await sizes([...many, end])).toEqual([500, 500, 50])
  expect(await sizes([...many.slice(0, 500), end])).toEqual([500, 0])
  expect(await sizes([record(0, 2_000_000), record(1), end])).toEqual([1, 1])
  expect((await batches([...many, end])).map((batch) => batch.end)).toEqual([undefined, undefined, end])
})

test('the file’s time comes with the records behind it', async () => {
  const found = await batches([record(0), { kind: 'generatedAt', value: 'now' }, record(1), end])
  expect(found.map(({ records, generatedAt }) => [records.length, generatedAt])).toEqual([
    [1, undefined],
    [1, 'now']
  ])
})

test('malformed records are not lost when the file’s time comes', async () => {
  const malformed: RecordEvent = {
    kind: 'malformed',
    ordinal: 0,
    offset: 0,
    code: 'RECORD_NOT_CLOSED',
    message: ''
  }
  const found = await batches([malformed, { kind: 'generatedAt', value: 'now' }, end])
  expect(found.flatMap((batch) => batch.malformed)).toEqual([malformed])
})
