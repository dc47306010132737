import { parseRecord } from '@sluice/shared/records'
import { findFormat } from '@sluice/shared/formats'
import { waitFor } from '../../test/support/process.ts'
import type { Workshop } from '../../test/support/workshop.ts'
import { kyeroProperty } from './_kyero-feed.ts'

const found = findFormat('kyero')
if (found?.feed === undefined) throw new Error('there is no format "kyero" with a feed')
const kyero = { ...found, feed: found.feed }

/** Callers that wait for a confirm: they fill the publisher's window, and not its line. */
const CALLERS = 1_500
const PATTERNS = 500

const toRecord = (xml: string): object =>
  parseRecord({ bytes: Buffer.from(xml.trim()) }, kyero.feed.records).value as object

const patterns = Array.from({ length: PATTERNS }, (_, index) => toRecord(kyeroProperty(index)))
const bytes = patterns.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)), 0)
/** Mean size of a body. */
export const BODY_BYTES = Math.round(bytes / PATTERNS)

/** Puts records of new offers `<prefix>-<n>` into the feed's queue, as a scheduler would. */
export const publishBacklog = async (shop: Workshop, prefix: string, records: number): Promise<void> => {
  const ordinals = Array.from({ length: records }, (_, ordinal) => ordinal).values()
  const caller = async (): Promise<void> => {
    for (const ordinal of ordinals) {
      const id = `${prefix}-${ordinal}`
      const envelope = {
        messageId: `1.${id}`,
        source: 'feed',
        format: kyero.name,
        formatVersion: kyero.formatVersion,
        lane: 'feed',
        run: '1',
        ordinal
      } as const
      const record = { ...patterns[ordinal % PATTERNS], id }
      await shop.publisher.publish(shop.message(envelope, record, 0), { wait: true })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller)) // they share one iterator
}

export interface Drained {
  offers: number
  perSecond: number
}

/** What the database says of the offers `<prefix>-…`: from the first transaction's begin to the last one's. */
export const drainedOf = async (shop: Workshop, prefix: string): Promise<Drained> => {
  const [row] = await shop.query<{ offers: number; seconds: number }>(
    `SELECT count(*)::int AS offers,
            COALESCE(extract(epoch FROM max(created_at) - min(created_at)), 0)::float8 AS seconds
     FROM offers WHERE external_id LIKE '${prefix}-%'`
  )
  const { offers, seconds } = row ?? { offers: 0, seconds: 0 }
  return { offers, perSecond: offers / seconds }
}

/**
 * Resolves when all `records` are applied. Rows are counted only when the queue has been handed out: counting costs
 * Postgres more the more there are, and whoever takes longest would be counted most often.
 */
export const untilDrained = async (
  shop: Workshop,
  prefix: string,
  { records, timeoutMs }: { records: number; timeoutMs: number }
): Promise<Drained> => {
  const { feed } = shop.broker.topology.queues
  await waitFor(`${records} records to be taken`, async () => (await shop.broker.count(feed)) === 0, {
    timeoutMs,
    everyMs: 1_000
  })
  return await waitFor(
    `${records} records to be applied`,
    async () => {
      const all = await drainedOf(shop, prefix)
      return all.offers === records && all
    },
    { timeoutMs, everyMs: 250 }
  )
}
