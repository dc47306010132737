import { OUTCOMES, type Outcome } from '@sluice/shared/change'
import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { isId, LIST_LIMIT, present, toForgivingRows, type Id, type Nullable } from '../rows.ts'

export type RunTrigger = 'schedule' | 'manual'
export type RunState = 'reading' | 'settling' | 'done' | 'failed' | 'superseded'
export type RunSnapshot = 'complete' | 'partial'

/**
 * What a run has concluded from a list that is whole, or what was made of it since (`removals.ts`):
 * `none` is gone, or what is goes when the list is found again · those gone are being sent · `sent` · `pending` until somebody has released or dismissed them · a newer
 * list has `replaced` the conclusion.
 */
export type Removals = 'none' | 'sending' | 'sent' | 'pending' | 'released' | 'dismissed' | 'replaced'

/** One of the first things a run could not read. */
export interface RunProblem {
  offset?: number
  ordinal?: number
  externalId?: string
  code: string
  message: string
}

/** What a run learns on its way. Sizes are bytes. */
export interface RunProgress {
  bytesTotal?: number
  bytesRead?: number
  bodySha256?: string
  /** The run that read the same file and settled: this one ended at once, and its figures are that run's. */
  unchangedSince?: Id
  etag?: string
  lastModified?: string
  formatVersion?: number
  sourceRevision?: number
  recordsSeen?: number
  skipped?: number
  published?: number
  malformed?: number
  duplicates?: number
  /** Offers that were sent as vanished. */
  vanished?: number
  /** What the file says of itself. */
  extent?: 'full' | 'part'
  /** Epoch microseconds: since when the file's list is true. */
  factAt?: number
  /** Epoch microseconds: when its fetch began. */
  receivedAt?: number
  problems?: readonly RunProblem[]
}

export interface FeedRunRow extends RunProgress {
  id: Id
  sourceId: number
  sourceSlug: string
  trigger: RunTrigger
  state: RunState
  snapshot?: RunSnapshot
  leaseToken: string
  leaseUntil: Date
  startedAt: Date
  readAt?: Date
  finishedAt?: Date
  progressAt: Date
  bytesRead: number
  recordsSeen: number
  skipped: number
  published: number
  malformed: number
  duplicates: number
  /** It skips nothing, neither the file nor any record. */
  full: boolean
  /** Times of its schedule that fell into it, and were skipped. */
  overlapped: number
  /** What had become of its records when it ended. */
  outcomes?: Partial<Outcomes>
  vanished: number
  /** Offers the source had when its list was compared with them. */
  known?: number
  /** Of these, how many the list does not hold any more. */
  gone?: number
  /** Records of the list that stand rejected. */
  rejected?: number
  removals?: Removals
  /** Why they are pending. */
  removalsCode?: string
  removalsReason?: string
  removalsBy?: string
  removalsAt?: Date
  /** The later run that carried them out, or took their place. */
  removalsRunId?: Id
  problems: readonly RunProblem[]
  errorCode?: string
  errorMessage?: string
}

export interface Claim {
  sourceId: number
  /** Unique to this claim: whoever has it may move the run. */
  leaseToken: string
  leaseMs: number
}

/**
 * Starts a run of a feed that is due; call it in a transaction. `undefined` when another run of the feed is alive, or
 * when it is not due any more, because another replica was faster. A run whose lease has run out is superseded first.
 * The lock on the source puts replicas in line; the index `feed_runs_one_alive` makes two runs at once impossible.
 * All clocks are the database's.
 */
export const claimRun = async (tx: Sql, claim: Claim): Promise<FeedRunRow | undefined> => {
  const [due] = await tx.$queryRaw<{ trigger: RunTrigger; full: boolean }[]>`
    SELECT CASE WHEN run_requested_at IS NULL THEN 'schedule' ELSE 'manual' END AS trigger, full_requested AS full
    FROM sources
    WHERE id = ${claim.sourceId} AND kind = 'feed' AND paused_at IS NULL
      AND (next_run_at <= now() OR run_requested_at <= now())
    FOR NO KEY UPDATE`
  if (due === undefined) return undefined
  await tx.$executeRaw`
    UPDATE feed_runs SET state = 'superseded', finished_at = now(), error_code = 'RUN_SUPERSEDED',
      error_message = 'The scheduler that did this run stopped answering; another run took over'
    WHERE source_id = ${claim.sourceId} AND state IN ('reading', 'settling') AND lease_until < now()`
  const [made] = await tx.$queryRaw<{ id: Id }[]>`
    INSERT INTO feed_runs (source_id, trigger, "full", state, lease_token, lease_until)
    VALUES (
      ${claim.sourceId}, ${due.trigger}, ${due.full}, 'reading', ${claim.leaseToken}, ${leaseOf(claim.leaseMs)}
    )
    ON CONFLICT (source_id) WHERE state IN ('reading', 'settling') DO NOTHING
    RETURNING id::text AS id`
  if (made === undefined) return undefined
  // The request is taken; should this run die, the feed is still due.
  await tx.$executeRaw`
    UPDATE sources SET run_requested_at = NULL, next_run_at = LEAST(next_run_at, now()) WHERE id = ${claim.sourceId}`
  return findRun(tx, made.id)
}

/** Notes progress and extends the lease; `false`: the run is over or superseded, stop. */
export const saveProgress = (
  sql: Sql,
  runId: Id,
  leaseToken: string,
  leaseMs: number,
  progress: RunProgress
): Promise<boolean> => move(sql, runId, leaseToken, progress, Prisma.sql`lease_until = ${leaseOf(leaseMs)}`)

/** The reader is done, its messages may still be under way; `false`: the run is over or superseded. */
export const endReading = (
  sql: Sql,
  runId: Id,
  leaseToken: string,
  leaseMs: number,
  { snapshot, ...progress }: RunProgress & { snapshot: RunSnapshot }
): Promise<boolean> =>
  move(
    sql,
    runId,
    leaseToken,
    progress,
    Prisma.sql`lease_until = ${leaseOf(leaseMs)}, state = 'settling', read_at = now(), snapshot = ${snapshot}`
  )

export interface RunEnd extends RunProgress {
  state: 'done' | 'failed'
  /** Times of its schedule that fell into it. */
  overlapped?: number
  errorCode?: string
  errorMessage?: string
}

/** Ends the run and its lease, and keeps what became of its records so far; `false`: it is over already, or superseded. */
export const finishRun = (
  sql: Sql,
  runId: Id,
  leaseToken: string,
  { state, errorCode, errorMessage, overlapped = 0, ...progress }: RunEnd
): Promise<boolean> =>
  move(
    sql,
    runId,
    leaseToken,
    progress,
    Prisma.sql`state = ${state}, finished_at = now(), error_code = ${errorCode ?? null},
               error_message = ${errorMessage ?? null}, overlapped = ${overlapped},
               outcomes = (
                 SELECT COALESCE(jsonb_object_agg(o.outcome, o.count), '{}') FROM (
                   SELECT outcome, count(*) AS count FROM feed_records WHERE run_id = ${runId}::bigint GROUP BY outcome
                 ) o
               )`
  )

export const findRun = async (sql: Sql, id: Id): Promise<FeedRunRow | undefined> =>
  isId(id) ? (await runs(sql, Prisma.sql`r.id = ${id}::bigint`, 1))[0] : undefined

/** Newest first. */
export const listRuns = (
  sql: Sql,
  { sourceSlug, limit = LIST_LIMIT }: { sourceSlug?: string; limit?: number } = {}
): Promise<FeedRunRow[]> =>
  runs(sql, sourceSlug === undefined ? Prisma.sql`true` : Prisma.sql`s.slug = ${sourceSlug}`, limit)

/** The newest run that ended `done`. */
export const lastFinishedRun = async (sql: Sql, sourceId: number): Promise<FeedRunRow | undefined> =>
  (await runs(sql, Prisma.sql`r.source_id = ${sourceId} AND r.state = 'done'`, 1))[0]

/**
 * What became of a run's records so far, counted from `feed_records`: a record that settled twice counts once, so
 * the figures stand however often messages are delivered.
 */
export const settledOutcomes = async (sql: Sql, runId: Id): Promise<Outcomes> => {
  const rows = await sql.$queryRaw<{ outcome: Outcome; count: number }[]>`
    SELECT outcome, count(*)::float8 AS count FROM feed_records WHERE run_id = ${runId}::bigint GROUP BY outcome`
  return { ...NONE, ...Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count])) }
}

/**
 * What became of a run's records: as it was when the run ended, because the next one's records take the place of these;
 * counted, while it lasts.
 */
export const outcomesOf = async (sql: Sql, { id, outcomes }: FeedRunRow): Promise<Outcomes> =>
  outcomes === undefined ? settledOutcomes(sql, id) : { ...NONE, ...outcomes }

export type Outcomes = Record<Outcome, number>
const NONE = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Outcomes

const leaseOf = (leaseMs: number): Prisma.Sql => Prisma.sql`now() + ${leaseMs}::float8 * interval '1 ms'`

const move = async (
  sql: Sql,
  runId: Id,
  leaseToken: string,
  progress: RunProgress,
  to: Prisma.Sql
): Promise<boolean> => {
  const moved = await sql.$executeRaw`
    UPDATE feed_runs r SET ${to},
      progress_at = now(),
      bytes_total = COALESCE(p."bytesTotal", r.bytes_total),
      bytes_read = COALESCE(p."bytesRead", r.bytes_read),
      body_sha256 = COALESCE(p."bodySha256", r.body_sha256),
      unchanged_since = COALESCE(p."unchangedSince", r.unchanged_since),
      etag = COALESCE(p.etag, r.etag),
      last_modified = COALESCE(p."lastModified", r.last_modified),
      format_version = COALESCE(p."formatVersion", r.format_version),
      source_revision = COALESCE(p."sourceRevision", r.source_revision),
      records_seen = COALESCE(p."recordsSeen", r.records_seen),
      skipped = COALESCE(p.skipped, r.skipped),
      published = COALESCE(p.published, r.published),
      malformed = COALESCE(p.malformed, r.malformed),
      duplicates = COALESCE(p.duplicates, r.duplicates),
      vanished = COALESCE(p.vanished, r.vanished),
      extent = COALESCE(p.extent, r.extent),
      fact_at = COALESCE(p."factAt", r.fact_at),
      received_at = COALESCE(p."receivedAt", r.received_at),
      problems = COALESCE(p.problems, r.problems)
    FROM jsonb_to_recordset(${toForgivingRows([progress])}::jsonb) AS p(
      "bytesTotal" bigint, "bytesRead" bigint, "bodySha256" text, "unchangedSince" bigint, etag text, "lastModified" text,
      "formatVersion" int, "sourceRevision" int, "recordsSeen" int, skipped int, published int, malformed int,
      duplicates int, vanished int, extent text, "factAt" bigint, "receivedAt" bigint, problems jsonb
    )
    WHERE r.id = ${runId}::bigint AND r.lease_token = ${leaseToken} AND r.state IN ('reading', 'settling')`
  return moved === 1
}

const runs = async (sql: Sql, where: Prisma.Sql, limit: number): Promise<FeedRunRow[]> => {
  const rows = await sql.$queryRaw<Nullable<FeedRunRow>[]>`
    SELECT r.id::text AS id, r.source_id AS "sourceId", s.slug AS "sourceSlug", r.trigger, r.state, r.snapshot,
           r.lease_token AS "leaseToken", r.lease_until AS "leaseUntil", r.started_at AS "startedAt",
           r.read_at AS "readAt", r.finished_at AS "finishedAt", r.progress_at AS "progressAt",
           r.bytes_total::float8 AS "bytesTotal", r.bytes_read::float8 AS "bytesRead",
           r.body_sha256 AS "bodySha256", r.unchanged_since::text AS "unchangedSince", r.etag, r.last_modified AS "lastModified",
           r.format_version AS "formatVersion", r.source_revision AS "sourceRevision",
           r.records_seen AS "recordsSeen", r.skipped, r.published, r.malformed, r.duplicates, r.vanished, r.extent, r."full",
           r.overlapped, r.outcomes,
           r.fact_at::float8 AS "factAt", r.received_at::float8 AS "receivedAt", r.known, r.gone, r.rejected, r.removals,
           r.removals_code AS "removalsCode", r.removals_reason AS "removalsReason", r.removals_by AS "removalsBy",
           r.removals_at AS "removalsAt", r.removals_run_id::text AS "removalsRunId", r.problems,
           r.error_code AS "errorCode", r.error_message AS "errorMessage"
    FROM feed_runs r JOIN sources s ON s.id = r.source_id
    WHERE ${where} ORDER BY r.started_at DESC, r.id DESC LIMIT ${limit}`
  return rows.map((row) => present<FeedRunRow>(row))
}
