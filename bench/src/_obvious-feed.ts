import { connect } from 'amqplib'
import { peakMb } from './_memory.ts'
import { readWholeFile } from './_whole-file.ts'

/**
 * The first half of the obvious pipeline of `pnpm bench e2e`, as a process: `<file> <amqp url> <queue> <pass>` parses
 * the whole file, publishes every record of it and ends with a line of JSON, a `Published`. `_bare-worker.ts` is the
 * second half.
 */
export interface Published {
  /** Epoch milliseconds: when it was connected and began; starting Node is not counted. */
  startedAt: number
  peakMb: number
}

/** Confirms are waited for together: one by one they would cost more than all the rest. */
const UNCONFIRMED = 1_000

const [file = '', url = '', queue = '', pass = ''] = process.argv.slice(2)
const connection = await connect(url, { noDelay: true })
const channel = await connection.createConfirmChannel()
const startedAt = Date.now()
const records = await readWholeFile(file)
for (const [index, record] of records.entries()) {
  channel.sendToQueue(queue, Buffer.from(JSON.stringify(record)), {
    persistent: true,
    contentType: 'application/json',
    headers: { format: 'kyero', 'external-id': record.id, pass }
  })
  if ((index + 1) % UNCONFIRMED === 0) await channel.waitForConfirms()
}
await channel.waitForConfirms()
const published: Published = { startedAt, peakMb: await peakMb() }
await connection.close()
console.log(JSON.stringify(published))
