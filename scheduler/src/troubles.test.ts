import { expect, test } from 'vitest'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { RunError } from './errors.ts'
import { signOfRemovals, signOfRun } from './troubles.ts'
import { done, failed } from './verdict.ts'

test('a run that failed or read a part is a trouble, one that was stopped says nothing', () => {
  expect(signOfRun(done({ snapshot: 'complete' }))).toBe('over')
  expect(signOfRun(done({ snapshot: 'partial', errorCode: 'FEED_CUT_SHORT' }))).toMatchObject({
    code: 'FEED_CUT_SHORT'
  })
  expect(signOfRun(failed(new RunError('FETCH_STATUS', 'answers 500')))).toMatchObject({
    code: 'FETCH_STATUS'
  })
  expect(signOfRun(failed(new RunError('RUN_STOPPED', 'stopped')))).toBeUndefined()
})

test('removals are a trouble while they are pending, and over with the next list that is believed', () => {
  const sign = (list?: Partial<FeedRunRow>) => signOfRemovals(list as FeedRunRow | undefined)
  expect(sign()).toBeUndefined()
  expect(sign({ removals: 'pending', removalsCode: 'GONE_ALL', removalsReason: 'none left' })).toEqual({
    code: 'GONE_ALL',
    message: 'none left'
  })
  expect(sign({ removals: 'dismissed' })).toBeUndefined()
  expect(sign({ removals: 'released' })).toBeUndefined()
  expect(sign({ removals: 'none' })).toBe('over')
  expect(sign({ removals: 'sent' })).toBe('over')
})
