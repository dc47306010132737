import type { Micros } from '@sluice/shared/time'
import type { Db, Sql } from '@sluice/prisma/client'
import { settledOutcomes, type Outcomes, type RunProblem } from '@sluice/prisma/tables/feed-runs'
import { rehearseRun } from '@sluice/prisma/tables/rehearsal'
import { listVanished } from '@sluice/prisma/tables/removals'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { FetchConfig } from '../config.ts'
import type { DiffOptions } from '../diff.ts'
import type { Downloaded } from '../fetch/download.ts'
import {
  conclusionOf,
  goneFrom,
  goneSince,
  PAGE,
  takePage,
  toVanished,
  type Gone,
  type Origin
} from '../gone.ts'
import type { Books, Figures } from '../ledger.ts'
import type { Held } from '../plausible.ts'
import type { Outlet } from '../read-feed.ts'
import { readSpooled, type Read } from '../read-spooled.ts'
import { countUnreadable } from '../unreadable.ts'
import type { Reading } from '../verdict.ts'
import { createJudge, type Judge, type PreviewChange, type PreviewRejection } from './judge.ts'

/** What a run would do; its figures are those the run would report. */
export interface Preview {
  figures: Figures
  reading: Reading
  bytesTotal?: number
  sha256?: string
  /** The run that read the same file and settled: the next one would end at once. */
  unchangedSince?: string
  /** What would become of everything that is sent. */
  outcomes: Outcomes
  /** What would be concluded from the list; absent when the file is none, or is the one that was read before. */
  removals?: { state: 'none' | 'sent' | 'pending'; known: number; gone: number }
  /** Why what is gone, by this list or the one that was read before, would wait for a person. */
  held?: Held
  /** The first ids of offers that are gone, whether they may go or are held. */
  gone: readonly string[]
  /** How many offers of the file would change, for readers. */
  changed: number
  /** The first of them, and the first records that would be rejected. */
  changes: readonly PreviewChange[]
  rejections: readonly PreviewRejection[]
  /** The first things that could not be read. */
  problems: readonly RunProblem[]
}

export interface RehearseOptions {
  db: Db
  config: FetchConfig
  source: SourceRow
  format: DiffOptions['format']
  receivedAt: Micros
  ledger: Books
  fetched: Downloaded | 'unchanged'
  limit: number
  signal: AbortSignal
  /** After every batch of records; waited for. */
  onRead: () => Promise<void>
}

/**
 * A run over what was fetched, all of it in one transaction that is rolled back. Only the statements of a real run know
 * what a real run would find: what is skipped, seen, settled and gone depends on what the records before have left in
 * Postgres. So it writes as a run does (`rehearsal.ts` says where), and then nothing has happened. It reads what is
 * committed, and nobody waits for it.
 */
export const rehearse = async (options: RehearseOptions): Promise<Preview> => {
  const undone = new Error('a rehearsal is rolled back')
  let preview: Preview | undefined
  await options.db
    .transaction(async (tx) => {
      preview = await rehearseIn(tx, options)
      throw undone
    })
    .catch((thrown: unknown) => {
      if (thrown !== undone) throw thrown
    })
  if (preview === undefined) throw undone // unreachable: without one, something else was thrown
  return preview
}

const rehearseIn = async (tx: Sql, options: RehearseOptions): Promise<Preview> => {
  const { source, format, ledger, fetched, limit } = options
  const run = await rehearseRun(tx, source)
  const at: Origin = { db: { sql: tx }, run, source, format }
  const judge = createJudge({ sql: tx, source, format, limit })
  const { reading, list }: Read =
    fetched === 'unchanged'
      ? { reading: { snapshot: 'complete' }, list: 'same' }
      : await readSpooled({
          ...options,
          ...at,
          sql: tx,
          looksAhead: false,
          run,
          format,
          fetched,
          unreadable: countUnreadable(ledger),
          outlet: outletTo(judge, options)
        })

  const gone = typeof list === 'object' ? await goneFrom(at, list) : await goneSince(at, list === 'same')
  const first = gone === undefined ? [] : await listVanished(tx, gone.absence, { limit })
  if (gone?.going !== undefined) await judgeGone(tx, at, { ...gone, going: gone.going }, judge, options)

  const { bytesTotal, bodySha256: sha256, unchangedSince, problems = [] } = ledger.snapshot()
  return {
    figures: ledger.figures,
    reading,
    ...(bytesTotal === undefined ? {} : { bytesTotal }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(unchangedSince === undefined ? {} : { unchangedSince }),
    outcomes: await settledOutcomes(tx, run.id),
    ...(gone === undefined || typeof list !== 'object' ? {} : { removals: removalsOf(gone) }),
    ...(gone?.held === undefined ? {} : { held: gone.held }),
    gone: first.map(({ externalId }) => externalId),
    changed: judge.changed,
    changes: judge.changes,
    rejections: judge.rejections,
    problems
  }
}

/** Where a run sends its records, they are judged. */
const outletTo = (judge: Judge, { ledger, onRead }: RehearseOptions): Outlet => ({
  send: async (changed) => {
    await judge.judge(changed)
    ledger.figures.published += changed.length
    await onRead()
  },
  flush: () => Promise.resolve(),
  close: () => undefined
})

const judgeGone = async (
  tx: Sql,
  at: Origin,
  gone: Gone & Required<Pick<Gone, 'going'>>,
  judge: Judge,
  { ledger: { figures }, signal }: RehearseOptions
): Promise<void> => {
  let place = Math.max(gone.list.records, figures.recordsSeen)
  for (let after = '', isLast = false; !isLast;) {
    signal.throwIfAborted()
    const page = await takePage(tx, at, gone, after)
    await judge.judge(page.map((offer) => ({ envelope: toVanished(at, gone.list, offer, (place += 1)) })))
    figures.vanished += page.length
    after = page.at(-1)?.externalId ?? after
    isLast = page.length < PAGE
  }
}

const removalsOf = (gone: Gone): NonNullable<Preview['removals']> => {
  const state = conclusionOf(gone)
  return { state: state === 'sending' ? 'sent' : state, known: gone.census.known, gone: gone.census.gone }
}
