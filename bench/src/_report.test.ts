import { expect, test } from 'vitest'
import { median, ratioOf, sayGoals, toTable } from './_report.ts'

test('the median is the middle, or half-way between two', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([4, 1, 2, 100])).toBe(3)
  expect(median([])).toBeNaN()
})

test('a round in which the machine was busy does not move the ratio', () => {
  expect(ratioOf([100, 20, 100], [50, 10, 50])).toBe(2)
})

test('a round that only one of both finished does not count', () => {
  expect(ratioOf([100, 1], [50])).toBe(2)
})

test('a table has a line a name and a column a unit', () => {
  const table = toTable([
    { name: 'ours', unit: 'MB/s', samples: [51.26, 48, 60] },
    { name: 'ours', unit: 'peak MB', samples: [80] },
    { name: 'theirs', unit: 'MB/s', samples: [1234.5] }
  ])
  expect(table.split('\n')).toEqual([
    '                 MB/s   peak MB',
    'ours     51.3 (48–60)        80',
    'theirs          1,235         –'
  ])
})

test('a goal that was missed says so', () => {
  const goals = [
    { name: 'cold', goal: 0.85, measured: 0.9123, met: true },
    { name: 'hash', goal: 4, measured: 3.5, met: false }
  ]
  expect(sayGoals(goals)).toBe('✓ cold: 0.912 (goal: 0.85)\n✗ hash: 3.5 (goal: 4)')
})
