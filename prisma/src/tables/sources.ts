import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { LIST_LIMIT, present } from '../rows.ts'

export type SourceKind = 'webhook' | 'feed'
/** What a webhook does with records while the broker is away. */
export type OnBrokerDown = 'outbox' | 'refuse'
/** What a paused webhook answers: 503, or 202 and everything waits in the outbox. */
export type OnPaused = 'refuse' | 'accept'

export interface SourceRow {
  id: number
  slug: string
  kind: SourceKind
  vendorId: number
  vendorSlug: string
  format: string
  timeZone: string
  /** Moves on every edit that may change what a record means; records read under an older one are not skipped. */
  revision: number
  pausedAt?: Date
  /** Feeds only: URL of a server or path of a local file. */
  address?: string
  /** Feeds only: how it is fetched; `toFetchSettings` of `@sluice/shared/fetch-settings` reads it. */
  fetch?: unknown
  /** Feeds only: cron expression, in `timeZone`. */
  schedule?: string
  nextRunAt?: Date
  /** Feeds only: a run was asked for and has not started. */
  runRequestedAt?: Date
  /** Feeds only: that run is to skip nothing. */
  fullRequested: boolean
  exportLagMs: number
  /** Feeds only: removals of more than this share of its offers, and of more than this many, wait for a person. */
  holdShare: number
  holdCount: number
  /** Webhooks only: `{ scheme, … }`, checked by the gateway's schema of that scheme. */
  auth: unknown
  onBrokerDown: OnBrokerDown
  onPaused: OnPaused
  /** Webhooks only: requests a minute. */
  rateLimit?: number
  /** Webhooks only: steps to the records inside a wrapper. */
  recordsPath?: readonly string[]
}

export interface NewSource {
  vendorId: number
  slug: string
  kind: SourceKind
  format: string
  timeZone: string
  address?: string
  fetch?: object
  schedule?: string
  nextRunAt?: Date
  exportLagMs?: number
  holdShare?: number
  holdCount?: number
  auth?: object
  onBrokerDown?: OnBrokerDown
  onPaused?: OnPaused
  rateLimit?: number
  recordsPath?: string[]
}

/** What an edit may set; `null` clears. */
export interface SourcePatch {
  format?: string
  timeZone?: string
  address?: string | null
  fetch?: object | null
  schedule?: string | null
  nextRunAt?: Date | null
  exportLagMs?: number
  auth?: object
  onBrokerDown?: OnBrokerDown
  onPaused?: OnPaused
  rateLimit?: number | null
  recordsPath?: string[] | null
}

/** `undefined` when the slug is taken. */
export const createSource = async (sql: Sql, source: NewSource): Promise<SourceRow | undefined> => {
  const [created] = await sql.source.createManyAndReturn({
    data: [source],
    skipDuplicates: true,
    select: COLUMNS
  })
  return created === undefined ? undefined : toSource(created)
}

/** By slug; `after` is the last slug of the page before. */
export const listSources = async (
  sql: Sql,
  { vendorSlug, limit = LIST_LIMIT, after = '' }: { vendorSlug?: string; limit?: number; after?: string } = {}
): Promise<SourceRow[]> => {
  const rows = await sql.source.findMany({
    where: { slug: { gt: after }, ...(vendorSlug === undefined ? {} : { vendor: { slug: vendorSlug } }) },
    select: COLUMNS,
    orderBy: { slug: 'asc' },
    take: limit
  })
  return rows.map(toSource)
}

export const findSource = async (sql: Sql, slug: string): Promise<SourceRow | undefined> =>
  (await findSources(sql, [slug]))[0]

/** Those that exist, in no particular order. */
export const findSources = async (sql: Sql, slugs: readonly string[]): Promise<SourceRow[]> => {
  const rows = await sql.source.findMany({ where: { slug: { in: [...slugs] } }, select: COLUMNS })
  return rows.map(toSource)
}

/** Edits and moves `revision`; `undefined` when there is no such source. */
export const updateSource = (sql: Sql, slug: string, patch: SourcePatch): Promise<SourceRow | undefined> =>
  edit(sql, slug, { ...toData(patch), revision: { increment: 1 } })

/** How many removals of a feed wait for a person. Says nothing about its records, as below. */
export const updateHold = (
  sql: Sql,
  slug: string,
  patch: { holdShare?: number; holdCount?: number }
): Promise<SourceRow | undefined> => edit(sql, slug, patch)

/** How a feed is fetched. Says nothing about its records, so `revision` stays and they need not be sent again. */
export const updateAccess = (
  sql: Sql,
  slug: string,
  patch: Pick<SourcePatch, 'fetch' | 'address'>
): Promise<SourceRow | undefined> => edit(sql, slug, toData(patch))

/** Idempotent: a source that is paused already keeps its time. */
export const pauseSource = async (sql: Sql, slug: string): Promise<SourceRow | undefined> => {
  const now = new Date()
  await sql.source.updateMany({ where: { slug, pausedAt: null }, data: { pausedAt: now, updatedAt: now } })
  return findSource(sql, slug)
}

/** By the clock of the database, like the runs: a file that was read before is read again (`findSettledBody`). */
export const resumeSource = async (sql: Sql, slug: string): Promise<SourceRow | undefined> => {
  await sql.$executeRaw`UPDATE sources SET paused_at = NULL, updated_at = now() WHERE slug = ${slug}`
  return findSource(sql, slug)
}

/**
 * Feeds a run of which may start: not paused, their time has come or somebody asked, and no run of theirs is alive.
 * Longest overdue first, by the database's clock. A feed stays due until its run has ended (`setNextRunAt`), so one
 * whose run died with its scheduler is due again as soon as the lease is over.
 */
export const dueFeeds = async (sql: Sql, limit = LIST_LIMIT): Promise<SourceRow[]> => {
  const due = await sql.$queryRaw<{ slug: string }[]>`
    SELECT s.slug FROM sources s
    WHERE s.kind = 'feed' AND s.paused_at IS NULL AND (s.next_run_at <= now() OR s.run_requested_at <= now())
      AND NOT EXISTS (
        SELECT FROM feed_runs r
        WHERE r.source_id = s.id AND r.state IN ('reading', 'settling') AND r.lease_until > now()
      )
    ORDER BY LEAST(s.next_run_at, s.run_requested_at), s.id LIMIT ${limit}`
  const order = new Map(due.map(({ slug }, index) => [slug, index]))
  const sources = await findSources(sql, [...order.keys()])
  return sources.toSorted((a, b) => (order.get(a.slug) ?? 0) - (order.get(b.slug) ?? 0))
}

/**
 * Asks for a run as soon as a scheduler sees it, a `full` one to skip nothing; a second request before the run starts is
 * the same one.
 */
export const requestRun = async (sql: Sql, id: number, { full = false } = {}): Promise<void> => {
  await sql.$executeRaw`
    UPDATE sources SET run_requested_at = now(), full_requested = full_requested OR ${full}
    WHERE id = ${id} AND kind = 'feed'`
}

/**
 * Keeps claims of a feed out until the transaction ends. A claim takes this lock before it looks at runs, so whoever moves
 * both takes it first too: in another order they would wait for each other.
 */
export const lockSource = async (tx: Sql, id: number): Promise<void> => {
  await tx.$queryRaw`SELECT id FROM sources WHERE id = ${id} FOR NO KEY UPDATE`
}

/** A full run has done what was asked for, unless another one was asked for since. */
export const takeFullRequest = async (tx: Sql, id: number): Promise<void> => {
  await tx.$executeRaw`
    UPDATE sources SET full_requested = false WHERE id = ${id} AND run_requested_at IS NULL AND full_requested`
}

/** Not an edit: neither `revision` nor `sourcesVersion` moves. */
export const setNextRunAt = async (sql: Sql, id: number, at: Date | undefined): Promise<void> => {
  await sql.source.updateMany({ where: { id }, data: { nextRunAt: at ?? null } })
}

/**
 * A token that differs when any source, key or secret was added, edited, paused or revoked; cheap enough to poll. Sums,
 * not maxima: of two edits that commit out of order a maximum would hide the second. A secret that was sealed anew
 * shows in its first bytes, which hold the nonce.
 */
export const sourcesVersion = async (sql: Sql): Promise<string> => {
  const [row] = await sql.$queryRaw<[{ version: string }]>`
    SELECT concat_ws('.', s.rows, s.revisions, s.moved, k.rows, k.revoked, x.rows, x.revoked, x.sealed) AS version
    FROM (
      SELECT count(*) AS rows, sum(revision) AS revisions,
             sum((extract(epoch FROM updated_at) * 1e6)::bigint) AS moved
      FROM sources
    ) s, (
      SELECT count(*) AS rows, sum((extract(epoch FROM revoked_at) * 1e6)::bigint) AS revoked
      FROM api_keys
    ) k, (
      SELECT count(*) AS rows, sum((extract(epoch FROM revoked_at) * 1e6)::bigint) AS revoked,
             sum(hashtext(encode(substring(sealed FROM 1 FOR 21), 'hex'))::bigint) AS sealed
      FROM source_secrets
    ) x`
  return row.version
}

const COLUMNS = {
  id: true,
  slug: true,
  kind: true,
  vendorId: true,
  vendor: { select: { slug: true } },
  format: true,
  timeZone: true,
  revision: true,
  pausedAt: true,
  address: true,
  fetch: true,
  schedule: true,
  nextRunAt: true,
  runRequestedAt: true,
  fullRequested: true,
  exportLagMs: true,
  holdShare: true,
  holdCount: true,
  auth: true,
  onBrokerDown: true,
  onPaused: true,
  rateLimit: true,
  recordsPath: true
} as const

type Data = Parameters<Sql['source']['update']>[0]['data']

/** JSON null and an absent value are the same to us; Prisma wants to know which NULL is meant. */
const toData = ({ recordsPath, fetch, ...rest }: SourcePatch): Data => ({
  ...rest,
  ...(fetch === undefined ? {} : { fetch: fetch ?? Prisma.DbNull }),
  ...(recordsPath === undefined ? {} : { recordsPath: recordsPath ?? Prisma.DbNull })
})

const edit = async (sql: Sql, slug: string, data: Data): Promise<SourceRow | undefined> => {
  await sql.source.updateMany({ where: { slug }, data: { ...data, updatedAt: new Date() } })
  return findSource(sql, slug)
}

type Stored = Awaited<ReturnType<typeof rowsOf>>[number]

const rowsOf = (sql: Sql) => sql.source.findMany({ select: COLUMNS })

const toSource = ({ vendor, kind, onBrokerDown, onPaused, ...source }: Stored): SourceRow =>
  present<SourceRow>({
    ...source,
    kind: kind as SourceKind,
    onBrokerDown: onBrokerDown as OnBrokerDown,
    onPaused: onPaused as OnPaused,
    recordsPath: source.recordsPath as string[] | null,
    vendorSlug: vendor.slug
  })
