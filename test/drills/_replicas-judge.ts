import { isDeepStrictEqual } from 'node:util'
import type { Db } from '@sluice/prisma/client'
import { NO_RECORD_HASH } from '@sluice/shared/envelope'
import type { OfferContent } from '@sluice/shared/offer'
import type { ChangingFeed } from './_changing-feeds.ts'
import { saidIn, type Said } from './_feed-house.ts'
import { changesAddUp, type Finding } from './_oracle.ts'

/** What must be true of the books of several schedulers once nothing moves any more. */

/** Writes down every move of a run, by the database itself: what a run became, whoever says otherwise later. */
export const watchRuns = async ({ sql }: Db): Promise<void> => {
  for (const statement of [
    'CREATE SCHEMA drill',
    `CREATE TABLE drill.moves (
       run_id bigint, from_state text, to_state text, from_removals text, to_removals text
     )`,
    `CREATE FUNCTION drill.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO drill.moves VALUES (OLD.id, OLD.state, NEW.state, OLD.removals, NEW.removals);
       RETURN NULL;
     END $$`,
    `CREATE TRIGGER note AFTER UPDATE ON feed_runs FOR EACH ROW
     WHEN ((OLD.state, OLD.removals) IS DISTINCT FROM (NEW.state, NEW.removals)) EXECUTE FUNCTION drill.note()`
  ])
    await sql.$executeRawUnsafe(statement)
}

/** How far runs were when they were taken over. */
export const takenOver = async ({ sql }: Db): Promise<Record<string, number>> => {
  const rows = await sql.$queryRaw<{ stage: string; count: number }[]>`
    SELECT CASE WHEN from_removals IS NOT NULL THEN 'withdrawing' ELSE from_state END AS stage, count(*)::int AS count
    FROM drill.moves WHERE to_state = 'superseded' AND from_state <> 'superseded' GROUP BY 1 ORDER BY 1`
  return Object.fromEntries(rows.map(({ stage, count }) => [stage, count]))
}

export const judgeReplicas = async (db: Db, feeds: readonly ChangingFeed[]): Promise<Finding[]> => [
  ...(await likeTheLastVersion(db, feeds)),
  await changesAddUp({ query: (text) => db.sql.$queryRawUnsafe(text) }),
  ...(await withdrawals(db, feeds)),
  ...(await runs(db)),
  await lists(db, feeds),
  await deadlocks(db)
]

const likeTheLastVersion = async ({ sql }: Db, feeds: readonly ChangingFeed[]): Promise<Finding[]> => {
  const rows = await sql.$queryRaw<Stored[]>`
    SELECT s.slug, o.external_id AS id, o.state, o.content, f.outcome, f.record_hash AS "recordHash"
    FROM offers o JOIN sources s ON s.vendor_id = o.vendor_id
    FULL JOIN feed_records f ON f.source_id = s.id AND f.external_id = o.external_id`
  const bySlug = Map.groupBy(rows, ({ slug }) => slug)
  const wrongOffers: string[] = []
  const wrongRecords: string[] = []
  let active = 0
  for (const feed of feeds) {
    const said = await saidIn(feed.now().file)
    const stored = new Map((bySlug.get(feed.slug) ?? []).map((row) => [row.id, row]))
    for (const id of new Set([...said.keys(), ...stored.keys()])) {
      const [row, last] = [stored.get(id), said.get(id)]
      const isRight =
        last === undefined
          ? row?.state === 'withdrawn'
          : row?.state === 'active' && isDeepStrictEqual(row.content, last.content)
      if (!isRight) wrongOffers.push(id)
      if (!isNoted(row, last)) wrongRecords.push(`${id} ${row?.outcome}`)
    }
    active += said.size
  }
  const judged = (what: string, wrong: readonly string[], of: string): Finding => ({
    what,
    ok: rows.length > active && wrong.length === 0,
    figure: `${of}, ${wrong.length} wrong${some(wrong)}`
  })
  return [
    judged(
      'the offers are what the last version of each feed says',
      wrongOffers,
      `${active} active of ${rows.length}`
    ),
    judged('so is what is noted of each feed’s records', wrongRecords, `${rows.length} records`)
  ]
}

interface Stored {
  slug: string
  id: string
  state: string
  content: OfferContent
  outcome: string
  recordHash: string
}

/** Of an offer that is listed its record is noted, of one that is gone that it is. */
const isNoted = (row: Stored | undefined, last: Said | undefined): boolean =>
  last === undefined
    ? row?.recordHash === NO_RECORD_HASH && row.outcome === 'withdrawn'
    : row?.recordHash === last.recordHash && STANDS.has(row.outcome)

/** Outcomes of a record that stands. */
const STANDS: ReadonlySet<string> = new Set(['created', 'updated', 'unchanged'])

const withdrawals = async ({ sql }: Db, feeds: readonly ChangingFeed[]): Promise<Finding[]> => {
  const rows = await sql.$queryRaw<{ slug: string; id: string; run: string; sha256: string | null }[]>`
    SELECT s.slug, c.external_id AS id, r.id::text AS run, r.body_sha256 AS sha256
    FROM offer_changes c JOIN sources s ON s.slug = c.source
    LEFT JOIN feed_runs r ON r.id = split_part(c.message_id, '.', 1)::bigint
    WHERE c.kind = 'withdrawn'`
  const bySlug = new Map(feeds.map((feed) => [feed.slug, feed]))
  const steady = rows.filter(({ slug, id }) => bySlug.get(slug)?.steady.has(id))
  const baseless = rows.filter(({ slug, id, sha256 }) => {
    const held = bySlug.get(slug)?.versions.get(sha256 ?? '')
    return held === undefined || held.has(id)
  })
  return [
    {
      what: 'no offer that stands in every version was ever withdrawn',
      ok: rows.length > 0 && steady.length === 0,
      figure: `${rows.length} withdrawals, ${steady.length} of those${some(steady.map(({ id, run }) => `${id} by run ${run}`))}`
    },
    {
      what: 'no run ever withdrew what its own file holds',
      ok: baseless.length === 0,
      figure: `${baseless.length}${some(baseless.map(({ id, run }) => `${id} by run ${run}`))}`
    }
  ]
}

const runs = async ({ sql }: Db): Promise<Finding[]> => {
  const ends = await sql.$queryRaw<{ how: string; count: number }[]>`
    SELECT concat_ws(' ', state, CASE WHEN state <> 'superseded' THEN error_code END) AS how, count(*)::int AS count
    FROM feed_runs GROUP BY 1 ORDER BY 1`
  const [open] = await sql.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM feed_runs
    WHERE state NOT IN ('done', 'failed', 'superseded') OR finished_at IS NULL`
  const twice = await sql.$queryRaw<{ pair: string }[]>`
    SELECT a.id || ' and ' || b.id AS pair FROM feed_runs a JOIN feed_runs b ON a.source_id = b.source_id AND a.id < b.id
    WHERE b.started_at < a.finished_at`
  const moved = await sql.$queryRaw<{ move: string }[]>`
    SELECT run_id || ' ' || COALESCE(to_removals, to_state) AS move FROM drill.moves WHERE from_state = 'superseded'`
  const superseded = ends.find(({ how }) => how === 'superseded')?.count ?? 0
  return [
    {
      what: 'every run has ended',
      ok: open.count === 0,
      figure: `${ends.map(({ how, count }) => `${count} ${how}`).join(', ')}, ${open.count} open`
    },
    {
      what: 'of one feed only one run was ever alive',
      ok: twice.length === 0,
      figure: `${twice.length} at once${some(twice.map(({ pair }) => pair))}`
    },
    {
      what: 'no superseded run has concluded anything',
      ok: superseded > 0 && moved.length === 0,
      figure: `${superseded} superseded, ${moved.length} moved later${some(moved.map(({ move }) => move))}`
    }
  ]
}

/** The newest list of each feed is its last version, and what is gone from it was sent. */
const lists = async ({ sql }: Db, feeds: readonly ChangingFeed[]): Promise<Finding> => {
  const rows = await sql.$queryRaw<{ slug: string; removals: string; sha256: string }[]>`
    SELECT DISTINCT ON (s.id) s.slug, r.removals, r.body_sha256 AS sha256
    FROM feed_runs r JOIN sources s ON s.id = r.source_id WHERE r.removals IS NOT NULL ORDER BY s.id, r.id DESC`
  const bySlug = new Map(rows.map((row) => [row.slug, row]))
  const wrong = feeds.filter((feed) => {
    const list = bySlug.get(feed.slug)
    return list?.sha256 !== feed.now().sha256 || !['none', 'sent'].includes(list.removals)
  })
  return {
    what: 'the newest list of each feed is its last version, and its removals are through',
    ok: wrong.length === 0,
    figure: `${rows.length} lists, ${wrong.length} wrong${some(wrong.map(({ slug }) => slug))}`
  }
}

/** A scheduler that was stopped goes on with what it saw before: it may meet the others anywhere. */
const deadlocks = async ({ sql }: Db): Promise<Finding> => {
  const [row] = await sql.$queryRaw<[{ count: number }]>`
    SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()`
  return { what: 'Postgres saw no deadlock', ok: row.count === 0, figure: String(row.count) }
}

const some = (what: readonly string[]): string =>
  what.length === 0 ? '' : `: ${what.slice(0, 3).join(', ')}`
