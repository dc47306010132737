import { expect, test } from 'vitest'
import { ConflictError, DependencyError } from '@sluice/shared/errors'
import type { DocumentEnd } from '@sluice/shared/records'
import { CutShortError, RunError } from './errors.ts'
import { done, failed, toReading } from './verdict.ts'

const whole: DocumentEnd = { kind: 'end', complete: true, records: 3, malformed: 0, bytes: 1 }
const cut: DocumentEnd = {
  ...whole,
  complete: false,
  fault: { code: 'FEED_CUT_SHORT', message: 'cut', offset: 9 }
}

const none = { malformed: 0, unidentified: 0 }

test('only a whole file of which every offer is known is complete', () => {
  expect(toReading(whole, none, undefined)).toEqual({ snapshot: 'complete' })
  expect(toReading({ ...whole, records: 0 }, none, undefined)).toEqual({ snapshot: 'complete' })
  expect(toReading(whole, { malformed: 2, unidentified: 1 }, undefined)).toMatchObject({
    snapshot: 'partial',
    errorCode: 'FEED_RECORDS'
  })
  expect(toReading(whole, { malformed: 2, unidentified: 0 }, undefined)).toMatchObject({
    snapshot: 'complete',
    errorCode: 'FEED_RECORDS'
  })
  expect(toReading(cut, none, undefined)).toMatchObject({ snapshot: 'partial', errorCode: 'FEED_CUT_SHORT' })
})

test('a download that broke off is named before what it did to the file', () => {
  const stalled = new CutShortError('FETCH_STALLED', 'silent')
  expect(toReading(cut, none, stalled)).toMatchObject({ snapshot: 'partial', errorCode: 'FETCH_STALLED' })
  expect(toReading(whole, none, stalled)).toMatchObject({ snapshot: 'partial', errorCode: 'FETCH_STALLED' })
})

test('a file of which nothing could be read is a failure', () => {
  expect(() => toReading({ ...cut, records: 0 }, none, undefined)).toThrow(RunError)
})

test('a partial run is done, with its reason', () => {
  expect(done({ snapshot: 'complete' })).toEqual({ state: 'done', isDueAgain: false })
  expect(done({ snapshot: 'partial', errorCode: 'X', errorMessage: 'y' })).toMatchObject({
    state: 'done',
    errorCode: 'X'
  })
})

test.each([
  [new RunError('FETCH_STATUS', 'answers 500'), 'FETCH_STATUS', false],
  [new RunError('RUN_STOPPED', 'stopped'), 'RUN_STOPPED', true],
  [new DependencyError('postgres', 'DB_UNAVAILABLE', 'away'), 'RUN_STORE', true],
  [new ConflictError('DB_CONFLICT', 'met'), 'RUN_STORE', true],
  [new DependencyError('rabbitmq', 'PUBLISH_RETURNED', 'no queue'), 'PUBLISH_RETURNED', true]
])('%s ends a run as %s; due again: %s', (error, errorCode, isDueAgain) => {
  expect(failed(error)).toEqual({ state: 'failed', errorCode, errorMessage: error.message, isDueAgain })
})

test('anything else is our own mistake, and waits for its next turn', () => {
  const bug = new TypeError('x is not a function')
  expect(failed(bug)).toMatchObject({ state: 'failed', errorCode: 'RUN_BUG', isDueAgain: false, bug })
})
