import { expect, test } from 'vitest'
import { renderProgress, renderProgressLine, type Progress } from './progress.ts'
import { displayWidth } from './text.ts'

const NOW = new Date('2026-11-23T13:38:11Z')
const reading: Progress = {
  state: 'reading',
  startedAt: new Date(NOW.getTime() - 12_000),
  bytesRead: 5_200_000,
  bytesTotal: 10_000_000,
  recordsSeen: 12_000,
  skipped: 9_000,
  published: 3_000,
  malformed: 1,
  settled: 2_500
}

test('while reading, the bar is of the bytes of the file', () => {
  expect(renderProgress(reading, NOW, 130)).toBe(
    'reading ████████████░░░░░░░░░░░░  52% · 12,000 records · 3,000 sent · 2,500 settled · 9,000 skipped · 1 unreadable · 12s'
  )
})

test('while settling, of the records that were sent', () => {
  const settling: Progress = { ...reading, state: 'settling', bytesRead: 10_000_000, settled: 1_500 }
  expect(renderProgressLine(settling, NOW)).toBe(
    'settling 50% · 12,000 records · 3,000 sent · 1,500 settled · 9,000 skipped · 1 unreadable · 12s'
  )
  expect(renderProgressLine({ ...settling, published: 0, settled: 0 }, NOW)).toMatch(/^settling 100%/)
})

test('what has settled had been sent and read, whatever the scheduler has noted so far', () => {
  const behind: Progress = {
    ...reading,
    recordsSeen: 3_000,
    published: 2_800,
    settled: 3_200,
    skipped: 0,
    malformed: 0
  }
  expect(renderProgressLine(behind, NOW)).toBe(
    'reading 52% · 3,200 records · 3,200 sent · 3,200 settled · 12s'
  )
})

test('a preview sends nothing, and while it fetches there is nothing to count', () => {
  const { settled: _, ...previewing } = reading
  expect(renderProgressLine(previewing, NOW)).toBe(
    'reading 52% · 12,000 records · 9,000 skipped · 1 unreadable · 12s'
  )
  expect(renderProgressLine({ ...previewing, state: 'fetching' }, NOW)).toBe('fetching · 12s')
})

test('without a known size there is no bar to draw', () => {
  const { bytesTotal: _, ...unsized } = reading
  expect(renderProgress(unsized, NOW, 120)).toMatch(/^reading · 12,000 records/)
})

test.each([120, 80, 60, 40, 20, 5])('it stays on one line of %i columns', (width) => {
  expect(displayWidth(renderProgress(reading, NOW, width))).toBeLessThan(width)
})
