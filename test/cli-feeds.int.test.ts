import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settleFeedRecords } from '@sluice/prisma/tables/feed-records'
import {
  claimRun,
  endReading,
  finishRun,
  saveProgress,
  type FeedRunRow,
  type RunEnd,
  type RunProgress
} from '@sluice/prisma/tables/feed-runs'
import { findSource, setNextRunAt } from '@sluice/prisma/tables/sources'
import { sluice, sluiceProcess, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { run, waitFor } from './support/process.ts'

let database: TestDatabase
const at = (...args: string[]): Promise<Said> => sluice(args, { env: { DATABASE_URL: database.url } })
const LEASE_MS = 60_000

beforeAll(async () => {
  database = await createDatabase()
  await at('vendors', 'add', 'acme')
})

afterAll(() => database.drop())

const failsWith = (said: Said, exit: number, code: string): void => {
  expect([said.code, said.stderr.trim().split('\n').at(-1)]).toEqual([
    exit,
    expect.stringMatching(`\\(${code}\\)$`)
  ])
}

interface Play {
  progress: RunProgress
  snapshot: 'complete' | 'partial'
  end: RunEnd
  /** External ids that settled as created. */
  settled?: readonly string[]
  /** Holds the run in `settling` until this resolves. */
  until?: Promise<unknown>
}

/** What a scheduler and a worker do to a run's rows: take the request up, tell progress, settle, end. */
const playRun = async (
  slug: string,
  { progress, snapshot, end, settled = [], until }: Play
): Promise<FeedRunRow> => {
  const { sql } = database.db
  const leaseToken = randomUUID()
  const source = await findSource(sql, slug)
  if (source === undefined) throw new Error(`no source ${slug}`)
  const claimed = await waitFor('a run to be asked for', () =>
    database.db.transaction((tx) => claimRun(tx, { sourceId: source.id, leaseToken, leaseMs: LEASE_MS }))
  )
  await saveProgress(sql, claimed.id, leaseToken, LEASE_MS, progress)
  await endReading(sql, claimed.id, leaseToken, LEASE_MS, { snapshot })
  await settleFeedRecords(
    sql,
    settled.map((externalId, index) => ({
      sourceId: source.id,
      externalId,
      recordHash: 'ab'.repeat(32),
      formatVersion: 1,
      sourceRevision: 1,
      stamp: `stamp-${index}`,
      factAtFrom: 'record' as const,
      outcome: 'created' as const,
      runId: claimed.id
    }))
  )
  await until
  await finishRun(sql, claimed.id, leaseToken, end)
  await setNextRunAt(sql, source.id, undefined)
  return claimed
}

const WHOLE: Play = {
  progress: { bytesTotal: 2_000_000, bytesRead: 2_000_000, recordsSeen: 1_200, skipped: 1_198, published: 2 },
  snapshot: 'complete',
  settled: ['a', 'b'],
  end: { state: 'done' }
}

describe('a feed', () => {
  test('is added with everything checked at the door', async () => {
    const good = ['feeds', 'add', 'acme-kyero', '--vendor', 'acme', '--format', 'kyero']
    failsWith(await at(...good), 2, 'USAGE_OPTION_MISSING')
    const withAddress = [...good, '--address', 'https://acme:pa55@acme.example/kyero.xml?key=k3y']
    failsWith(await at(...withAddress, '--schedule', 'daily'), 2, 'USAGE_VALUE_INVALID')
    failsWith(await at(...withAddress, '--time-zone', 'Madrid'), 2, 'USAGE_VALUE_INVALID')
    failsWith(await at(...withAddress, '--export-lag', '15'), 2, 'USAGE_VALUE_INVALID')
    failsWith(await at(...withAddress.with(6, 'sluice')), 2, 'FORMAT_KIND')
    failsWith(await at(...withAddress.with(4, 'acm')), 1, 'VENDOR_UNKNOWN')

    const added = await at(
      ...withAddress,
      '--schedule',
      '30 2 * * *',
      '--time-zone',
      'Europe/Madrid',
      '--json'
    )
    expect(added).toMatchObject({ code: 0, stderr: '' })
    expect(added.stdout).not.toMatch(/pa55|k3y/)
    const { source } = added.json<{ source: { nextRunAt: string } }>()
    expect(source).toMatchObject({
      slug: 'acme-kyero',
      kind: 'feed',
      vendor: 'acme',
      address: 'https://acme:***@acme.example/kyero.xml?key=***',
      schedule: '30 2 * * *',
      exportLagMs: 900_000
    })
    expect(Math.abs(Date.parse(source.nextRunAt) - Date.now())).toBeLessThan(60_000)
    expect((await findSource(database.db.sql, 'acme-kyero'))?.address).toContain('pa55')
    failsWith(await at(...withAddress), 1, 'SOURCE_EXISTS')
  })

  test('from a local file keeps the whole path, and need not run at once', async () => {
    const added = await at(
      ...'feeds add acme-file --vendor acme --format kyero --address feed.xml --no-first-run --json'.split(
        ' '
      )
    )
    const { source } = added.json<{ source: { address: string; nextRunAt: unknown } }>()
    expect(source.address).toBe(join(process.cwd(), 'feed.xml'))
    expect(source.nextRunAt).toBeNull()
  })

  test('is shown and edited as a source; its next run follows its schedule', async () => {
    const shown = (await at('sources', 'show', 'acme-kyero')).stdout
    expect(shown).toContain('https://acme:***@acme.example/kyero.xml?key=***')
    expect(shown).toMatch(/^export lag +15m$/m)
    const edited = await at('sources', 'edit', 'acme-kyero', '--schedule', '0 12 1 1 *', '--export-lag', '1h')
    expect(edited.stdout).toMatch(/^schedule +30 2 \* \* \* → 0 12 1 1 \*$/m)
    expect(edited.stdout).toMatch(/^export lag +15m → 1h$/m)
    const { nextRunAt } = (await findSource(database.db.sql, 'acme-kyero')) ?? {}
    expect(nextRunAt?.toISOString()).toMatch(/-01-01T11:00:00.000Z$/) // noon in Madrid
    const off = await at('sources', 'edit', 'acme-kyero', '--no-schedule', '--json')
    expect(off.json()).toMatchObject({ changed: ['schedule'], source: { schedule: null, nextRunAt: null } })
  })

  test('holds back as many removals as it is told, which sends nothing again', async () => {
    await at(
      'feeds',
      'add',
      'acme-held',
      '--vendor',
      'acme',
      '--format',
      'kyero',
      '--address',
      '/srv/held.xml'
    )
    const edited = await at('sources', 'edit', 'acme-held', '--hold-share', '45.5%', '--hold-count', '200')
    expect(edited.stdout).toMatch(/share held +30 % → 45.5 %\n.*number held +10 → 200/s)
    expect(await findSource(database.db.sql, 'acme-held')).toMatchObject({
      holdShare: 0.455,
      holdCount: 200,
      revision: 1
    })
    expect((await at('sources', 'edit', 'acme-held', '--hold-share', '130%')).code).toBe(2)
  })

  test('a webhook is no feed, and needs no run', async () => {
    await at('sources', 'add', 'webhook', 'acme-crm', '--vendor', 'acme')
    const said = await at('feeds', 'run', 'acme-crm')
    failsWith(said, 1, 'SOURCE_KIND')
    expect(said.stderr).toContain('there is nothing to run')
    failsWith(await at('feeds', 'run', 'acme-kyro'), 1, 'SOURCE_UNKNOWN')
    failsWith(await at('keys', 'create', 'acme-kyero'), 1, 'SOURCE_KIND')
  })
})

describe('a run', () => {
  test('that never was is said', async () => {
    failsWith(await at('feeds', 'show', 'acme-kyero'), 1, 'RUN_UNKNOWN')
    failsWith(await at('feeds', 'show', '999999'), 1, 'RUN_UNKNOWN')
    expect((await at('feeds', 'runs')).stdout).toMatch(/^No runs yet\./)
    expect((await at('feeds', 'list')).stdout).toMatch(/^acme-kyero +kyero +when asked +when asked +never$/m)
  })

  test('can be asked for and left', async () => {
    const said = await at('feeds', 'run', 'acme-kyero', '--no-wait', '--json')
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect(said.json()).toEqual({ requested: { feed: 'acme-kyero' } })
    expect((await at('feeds', 'list')).stdout).toMatch(/^acme-kyero .* asked for +never$/m)
  })

  test('that no scheduler starts is given up with the reason, and stays asked for', async () => {
    const said = await at('feeds', 'run', 'acme-kyero', '--start-within', '1s')
    failsWith(said, 1, 'RUN_NOT_STARTED')
    expect((await findSource(database.db.sql, 'acme-kyero'))?.runRequestedAt).toBeInstanceOf(Date)
    await playRun('acme-kyero', WHOLE)
    expect((await findSource(database.db.sql, 'acme-kyero'))?.runRequestedAt).toBeUndefined()
  })

  test('that is whole exits 0 and says what became of its records', async () => {
    const [said] = await Promise.all([
      at('feeds', 'run', 'acme-kyero', '--json'),
      playRun('acme-kyero', WHOLE)
    ])
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect(said.json()).toMatchObject({
      run: {
        feed: 'acme-kyero',
        trigger: 'manual',
        state: 'done',
        snapshot: 'complete',
        recordsSeen: 1200,
        published: 2,
        error: null,
        problems: [],
        outcomes: { created: 2, updated: 0, rejected: 0 }
      }
    })
  })

  test('tells its progress in lines where nobody draws', async () => {
    const settled = Promise.withResolvers<void>()
    const [said] = await Promise.all([
      sluiceProcess(['feeds', 'run', 'acme-kyero', '--wait'], {
        env: { DATABASE_URL: database.url },
        onStart: async (child) => {
          await waitFor('a line of progress', () => child.stderr().includes('settled'))
          settled.resolve()
        }
      }),
      playRun('acme-kyero', { ...WHOLE, until: settled.promise })
    ])
    expect(said.code).toBe(0)
    expect(said.stderr).toMatch(
      /^(reading|settling) \d+% · 1,200 records · 2 sent · \d settled · 1,198 skipped · /
    )
    expect(said.stderr).not.toContain('\u001b')
    expect(said.stdout).toMatch(/^outcomes +2 created$/m)
  })

  test('draws a bar on a terminal, and takes it away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'))
    const command = 'stty cols 90; node cli/src/main.mjs feeds run acme-kyero'
    const child = run('script', ['-qefc', command, join(folder, 'typescript')], {
      env: { DATABASE_URL: database.url, TERM: 'xterm', NO_COLOR: '1' }
    })
    const drawn = waitFor('a bar', () => child.output().includes('█'))
    const [{ code }] = await Promise.all([child.exit, playRun('acme-kyero', { ...WHOLE, until: drawn })])
    expect(code).toBe(0)
    const [, ...drawings] = child.output().split('\r\u001b[2K')
    expect(drawings[0]).toMatch(/^(reading|settling) █+░* +\d+% · 1,200 records/)
    expect(drawings.at(-1)).toMatch(/^run +\d+/)
    await rm(folder, { recursive: true })
  })

  test('that failed, or read only a part, exits 1 and still shows what it did', async () => {
    const problem = {
      offset: 4_711,
      ordinal: 3,
      externalId: 'c',
      code: 'RECORD_MALFORMED',
      message: 'unclosed <price>'
    }
    const failed: Play = {
      progress: {
        bytesTotal: 100,
        bytesRead: 50,
        recordsSeen: 3,
        malformed: 1,
        problems: [problem]
      },
      snapshot: 'partial',
      end: {
        state: 'failed',
        errorCode: 'FEED_TRUNCATED',
        errorMessage: 'The file ends in the middle of a record'
      }
    }
    const [said] = await Promise.all([at('feeds', 'run', 'acme-kyero'), playRun('acme-kyero', failed)])
    failsWith(said, 1, 'RUN_FAILED')
    expect(said.stderr).toContain('failed: The file ends in the middle of a record.')
    expect(said.stdout).toMatch(/^reason +The file ends in the middle of a record \(FEED_TRUNCATED\)$/m)
    expect(said.stdout).toMatch(/^ *4,711 +3 +c +RECORD_MALFORMED +unclosed <price>$/m)

    const partial: Play = { ...failed, end: { state: 'done' } }
    const [json] = await Promise.all([
      at('feeds', 'run', 'acme-kyero', '--json'),
      playRun('acme-kyero', partial)
    ])
    expect(json.code).toBe(1)
    expect(json.json()).toMatchObject({
      run: {
        state: 'done',
        snapshot: 'partial',
        problems: [{ offset: 4_711, ordinal: 3, offer: 'c', code: 'RECORD_MALFORMED' }]
      },
      error: { code: 'RUN_PARTIAL' }
    })
  })

  test('goes on when the watching is stopped', async () => {
    const stopped = Promise.withResolvers<void>()
    const [said] = await Promise.all([
      sluiceProcess(['feeds', 'run', 'acme-kyero'], {
        env: { DATABASE_URL: database.url },
        onStart: async (child) => {
          await waitFor('a line of progress', () => child.stderr().includes('settling'))
          child.kill('SIGINT')
        }
      }).finally(stopped.resolve),
      playRun('acme-kyero', { ...WHOLE, until: stopped.promise })
    ])
    failsWith(said, 130, 'INTERRUPTED')
    expect(said.stderr).toMatch(/Run \d+ goes on; `sluice feeds show \d+`/)
    const shown = await at('feeds', 'show', 'acme-kyero', '--json')
    expect(shown.json()).toMatchObject({ run: { state: 'done' } })
  })

  test('waits for one that is under way', async () => {
    await at('feeds', 'run', 'acme-kyero', '--no-wait')
    const asked = Promise.withResolvers<void>()
    const first = playRun('acme-kyero', { ...WHOLE, until: asked.promise })
    await waitFor('the first to run', async () =>
      (await at('feeds', 'runs', '--json')).stdout.includes('settling')
    )
    const [said, second] = await Promise.all([
      sluiceProcess(['feeds', 'run', 'acme-kyero', '--start-within', '20s'], {
        env: { DATABASE_URL: database.url },
        onStart: async (child) => {
          await waitFor('the command to stand in line', () => child.stderr().includes('is under way'))
          asked.resolve()
        }
      }),
      first.then(() => playRun('acme-kyero', WHOLE))
    ])
    expect(said.code).toBe(0)
    expect(said.stdout).toMatch(new RegExp(`^run +${second.id}$`, 'm'))
  })

  test('of a paused feed is refused', async () => {
    await at('sources', 'pause', 'acme-kyero')
    const said = await at('feeds', 'run', 'acme-kyero')
    failsWith(said, 1, 'SOURCE_PAUSED')
    expect(said.stderr).toContain('`sluice sources resume acme-kyero` first')
    expect((await at('feeds', 'list')).stdout).toMatch(/^acme-kyero .* paused +done, /m)
    await at('sources', 'resume', 'acme-kyero')
  })

  test('is listed, newest first, and found by number or by feed', async () => {
    const { runs } = (await at('feeds', 'runs', 'acme-kyero', '--limit', '3', '--json')).json<{
      runs: { id: string; state: string }[]
    }>()
    expect(runs).toHaveLength(3)
    expect(Number(runs[0]?.id)).toBeGreaterThan(Number(runs[1]?.id))
    const env = { DATABASE_URL: database.url, COLUMNS: '100' }
    const table = (await sluice(['feeds', 'runs'], { env })).stdout
    expect(table).toMatch(/^RUN +FEED +STATE +STARTED/)
    expect(table).toMatch(/acme-kyero +failed /)
    expect(table).toMatch(/acme-kyero +done, partial /)
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    const byNumber = (await at('feeds', 'show', runs[0]?.id ?? '', '--json')).json()
    expect((await at('feeds', 'show', 'acme-kyero', '--json')).json()).toEqual(byNumber)
    failsWith(await at('feeds', 'runs', 'nobody'), 1, 'SOURCE_UNKNOWN')
  })
})
