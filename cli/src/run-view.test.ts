import { describe, expect, test } from 'vitest'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { OUTCOMES, type Outcome } from '@sluice/shared/change'
import { renderFeeds } from './feed-view.ts'
import { failureOf, renderRun, renderRuns } from './run-view.ts'

const at = new Date('2026-11-23T10:00:00Z')
const done: FeedRunRow = {
  id: '7',
  sourceId: 1,
  sourceSlug: 'acme-kyero',
  trigger: 'schedule',
  state: 'done',
  snapshot: 'complete',
  leaseToken: 'token',
  leaseUntil: at,
  startedAt: at,
  finishedAt: at,
  progressAt: at,
  bytesRead: 1,
  recordsSeen: 30,
  skipped: 0,
  published: 30,
  malformed: 0,
  duplicates: 0,
  full: false,
  overlapped: 0,
  vanished: 0,
  problems: []
}
const source: SourceRow = {
  id: 1,
  vendorId: 1,
  vendorSlug: 'acme',
  slug: 'acme-kyero',
  kind: 'feed',
  format: 'kyero',
  timeZone: 'UTC',
  revision: 1,
  fullRequested: false,
  exportLagMs: 0,
  holdShare: 0.1,
  holdCount: 10,
  auth: {},
  onBrokerDown: 'outbox',
  onPaused: 'refuse'
}
const screen = { width: 140, color: false }

describe('a run of which no record could be read', () => {
  const unreadable: FeedRunRow = {
    ...done,
    published: 0,
    malformed: 30,
    errorCode: 'FEED_RECORDS',
    errorMessage: '30 of the records could not be read'
  }

  test('did not end well', () => {
    expect(failureOf(unreadable)).toEqual({
      code: 'RUN_PARTIAL',
      message: 'Run 7 could not read 30 of 30 records. What it read is applied.'
    })
    expect(failureOf(done)).toBeUndefined()
  })

  test('says so where it is listed', () => {
    expect(renderRuns([unreadable], at, screen)).toContain('done, 30 unreadable')
  })
})

test('a feed is listed with the words its run is listed with', () => {
  const cases: [Partial<FeedRunRow>, string][] = [
    [{}, 'done'],
    [{ state: 'settling' }, 'settling'],
    [{ state: 'failed' }, 'failed'],
    [{ snapshot: 'partial' }, 'done, partial'],
    [{ removals: 'pending' }, 'done, pending'],
    [{ malformed: 2 }, 'done, 2 unreadable'],
    [{ outcomes: { rejected: 30 } }, 'done, all rejected'],
    [{ outcomes: { rejected: 29, created: 1 } }, 'done']
  ]
  for (const [given, words] of cases) {
    const run = { ...done, ...given }
    expect(renderRuns([run], at, screen)).toMatch(new RegExp(`acme-kyero  ${words}  `))
    expect(renderFeeds([{ source, run }], at, screen)).toMatch(new RegExp(`  ${words}, 20`))
  }
})

test('a run says what is missing from its list and stays until that is found again', () => {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  const shown = (gone: number): string =>
    renderRun({ ...done, removals: 'none', known: 30, gone }, { outcomes, now: at }, screen)
  expect(shown(0)).toMatch(/^vanished +none$/m)
  expect(shown(2)).toMatch(/^vanished +2 of 30 missing, withdrawn when the file is found again/m)
})
