import type { Publisher } from '@sluice/shared/broker'
import { NO_RECORD_HASH, toMessage } from '@sluice/shared/envelope'
import type { Logger } from '@sluice/shared/log'
import { toStamp } from '@sluice/shared/stamp'
import type { Micros } from '@sluice/shared/time'
import type { Db, Sql } from '@sluice/prisma/client'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import {
  closeEarlier,
  conclude,
  forgetHashes,
  holdRun,
  listedElsewhere,
  listVanished,
  newestBelieved,
  newestList,
  releasedRun,
  runsSince,
  takeCensus,
  type Absence,
  type Conclusion
} from '@sluice/prisma/tables/removals'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { Credit } from './credit.ts'
import { RunError } from './errors.ts'
import { toFeedEnvelope } from './feed-envelope.ts'
import type { Ledger } from './ledger.ts'
import { implausible, type Held } from './plausible.ts'
import { createSender } from './sender.ts'

export interface VanishedOptions {
  db: Db
  publisher: Pick<Publisher, 'publish'>
  exchange: string
  run: Pick<FeedRunRow, 'id' | 'leaseToken'>
  source: SourceRow
  format: { name: string; formatVersion: number }
  ledger: Ledger
  credit: Pick<Credit, 'take' | 'settled'>
  signal: AbortSignal
  log: Logger
}

/** A list of all a source offers: the run whose reader saw it whole, and since when it is true. */
export interface List {
  runId: string
  factAt: Micros
  receivedAt: Micros
  /** Records in it, and how many of them have no id of their own to be seen by. */
  records: number
  unseen: number
}

/** Vanished offers of one transaction; the broker has them before the next ones are looked up. */
const PAGE = 500

/**
 * What has vanished from the list this run read is withdrawn, unless it is too much to be believed; call it when the
 * records of the run have settled. Every step first makes sure that the run is still ours, in the transaction that does
 * it. Done once more, it does what is left.
 */
export const withdrawVanished = async (at: VanishedOptions, list: List): Promise<void> => {
  const { sql } = at.db
  const released = await releasedRun(sql, at.source.id)
  const notSeenIn = released === undefined ? undefined : [released.id]
  const absence = await absenceOf(at, list, [list.runId])
  const census = await takeCensus(sql, at.run.id, {
    ...absence,
    ...(notSeenIn === undefined ? {} : { notSeenIn })
  })
  await demandWhole(at, list, census.seen)
  // Without a release nobody has allowed anything.
  const unreleased = released === undefined ? census.gone : census.unreleased
  const believed = await newestBelieved(sql, at.source.id)
  const held = implausible(
    {
      ...census,
      unreleased,
      records: list.records,
      ...(believed?.rejected === undefined ? {} : { rejectedBefore: believed.rejected })
    },
    at.source
  )
  const removals = held !== undefined ? 'pending' : census.gone === 0 ? 'none' : 'sending'
  await write(at, (tx) => conclude(tx, list.runId, { removals, census, ...heldOf(held) }))
  if (held === undefined) await send(at, list, absence)
  else {
    at.log.warn({ ...census, code: held.code }, `removals held: ${held.message}`)
    if (notSeenIn !== undefined) await send(at, list, { ...absence, notSeenIn })
  }
  await write(at, async (tx) => {
    if (removals === 'sending') await conclude(tx, list.runId, { removals: 'sent' })
    await closeEarlier(tx, at.source.id, { runId: list.runId, releasedId: released?.id })
  })
}

/**
 * For a run that read no list: what somebody has released is withdrawn, as far as nobody has seen it since; and, if the
 * file is the one that was read before, what became active since by facts that are older than the file.
 */
export const withdrawLeft = async (at: VanishedOptions, isSameFile: boolean): Promise<void> => {
  const { sql } = at.db
  const run = await newestList(sql, at.source.id, at.run.id)
  const list = run === undefined ? undefined : listOf(run)
  if (run === undefined || list === undefined) return
  const isReleased = run.removals === 'released'
  if (!isReleased && (!isSameFile || run.removals === 'pending' || run.removals === 'dismissed')) return

  const absence = await absenceOf(at, list, [...(await runsSince(sql, at.source.id, list.runId)), at.run.id])
  const census = await takeCensus(sql, at.run.id, absence)
  await demandWhole(at, list, census.seen)
  if (!isReleased) {
    if (census.gone === 0) return
    const held = implausible({ ...census, unreleased: census.gone, records: list.records }, at.source)
    if (held !== undefined) {
      await write(at, (tx) => conclude(tx, list.runId, { removals: 'pending', census, ...heldOf(held) }))
      return
    }
  }
  await send(at, list, absence)
  if (!isReleased) return
  await write(at, (tx) => closeEarlier(tx, at.source.id, { runId: at.run.id, releasedId: run.id }))
}

/** A list that was read by an earlier run, if that run noted what it takes. */
const listOf = (run: FeedRunRow): List | undefined => {
  const { id: runId, factAt, receivedAt, recordsSeen: records, malformed, duplicates } = run
  if (factAt === undefined || receivedAt === undefined) return undefined
  return { runId, factAt, receivedAt, records, unseen: malformed + duplicates }
}

const absenceOf = async (at: VanishedOptions, list: List, seenIn: readonly string[]): Promise<Absence> => ({
  source: at.source,
  seenIn,
  elsewhere: await listedElsewhere(at.db.sql, at.source),
  stamp: stampFor(at, list, 1)
})

/** Nothing is gone because its mark is: whoever takes a run over removes its marks, else it is our mistake. */
const demandWhole = async (at: VanishedOptions, { records, unseen }: List, seen: number): Promise<void> => {
  if (seen >= records - unseen) return
  await write(at, () => Promise.resolve())
  throw new Error(
    `a list of ${records} records (${unseen} of them without an id of their own) left ${seen} marks`
  )
}

const heldOf = (held: Held | undefined): Pick<Conclusion, 'held'> => (held === undefined ? {} : { held })

/** A step of its own, if the run is still ours. */
const write = ({ db, run }: VanishedOptions, step: (tx: Sql) => Promise<void>): Promise<void> =>
  db.transaction(async (tx) => {
    if (!(await holdRun(tx, run.id, run.leaseToken)))
      throw new RunError('RUN_SUPERSEDED', 'Another scheduler has taken over this run')
    await step(tx)
  })

/** Behind all records of its list: the same source cannot say of one offer in one file that it is there and gone. */
const stampFor = (
  { format: { formatVersion } }: VanishedOptions,
  { factAt, receivedAt, records }: List,
  place: number
): string =>
  toStamp({ factAt, receivedAt, ordinal: records + place, formatVersion, recordHash: NO_RECORD_HASH })

const send = async (at: VanishedOptions, list: List, absence: Absence): Promise<void> => {
  const { publisher, exchange, source, ledger, credit, signal, log } = at
  const { figures } = ledger
  const sender = createSender({ publisher, signal, log, onConfirmed: () => void (figures.vanished += 1) })
  let place = Math.max(list.records, figures.recordsSeen)
  let after = ''
  for (;;) {
    signal.throwIfAborted()
    const page: string[] = []
    await write(at, async (tx) => {
      page.push(...(await listVanished(tx, absence, { after, limit: PAGE })))
      // Before anything leaves: should this run be taken over now, the next one sends again what has returned.
      await forgetHashes(tx, source.id, page, { recordHash: NO_RECORD_HASH, stamp: stampFor(at, list, 0) })
    })
    for (const externalId of page) {
      place += 1
      await credit.take()
      const envelope = toFeedEnvelope(at, {
        type: 'vanished',
        externalId,
        factAt: list.factAt,
        factAtFrom: 'file',
        receivedAt: list.receivedAt,
        ordinal: place,
        recordHash: NO_RECORD_HASH,
        body: Buffer.alloc(0)
      })
      await sender.send(toMessage(envelope, exchange))
    }
    await sender.flush()
    after = page.at(-1) ?? after
    if (page.length < PAGE) break
  }
  await credit.settled()
}
