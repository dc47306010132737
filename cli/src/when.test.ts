import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { formatDuration, parseDuration, toLocalIso, toRelative, toTableWhen } from './when.ts'

const NOW = new Date('2026-11-23T13:38:11Z')
const at = (ms: number) => new Date(NOW.getTime() + ms)

test.each([
  [0, 'just now'],
  [-4_999, 'just now'],
  [-42_000, '42s ago'],
  [-3 * 60_000, '3m ago'],
  [-47 * 3_600_000, '47h ago'],
  [-3 * 86_400_000, '3d ago'],
  [-1000 * 86_400_000, '2y ago'],
  [2 * 3_600_000, 'in 2h']
])('%i ms from now is %s', (ms, text) => {
  expect(toRelative(at(ms), NOW)).toBe(text)
})

test.each([
  ['UTC', '2026-11-23T13:38:11Z'],
  ['Europe/Sofia', '2026-11-23T15:38:11+02:00'],
  ['America/St_Johns', '2026-11-23T10:08:11-03:30'],
  ['Asia/Kathmandu', '2026-11-23T19:23:11+05:45']
])('in %s it is %s', (TZ, text) => {
  const code = `import { toLocalIso } from './when.ts'; process.stdout.write(toLocalIso(new Date('${NOW.toISOString()}')))`
  const shown = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: import.meta.dirname,
    env: { TZ },
    encoding: 'utf8'
  })
  expect(shown).toBe(text)
})

test('what is shown is the same instant again', () => {
  expect(new Date(toLocalIso(NOW)).getTime()).toBe(NOW.getTime())
  expect(toTableWhen(at(-60_000), NOW).short).toBe('1m ago')
  expect(toTableWhen(at(-60_000), NOW).text).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(Z|[+-]\d\d:\d\d) \(1m ago\)$/
  )
})

test.each([
  [850, '850ms'],
  [12_480, '12.4s'],
  [200_000, '3m 20s'],
  [7_500_000, '2h 5m'],
  [900_000, '15m'],
  [90_000_000, '1d 1h']
])('%i ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test.each([
  ['90s', 90_000],
  ['15m', 900_000],
  ['2h', 7_200_000],
  ['30d', 2_592_000_000],
  ['500ms', 500],
  ['15', undefined],
  ['-5m', undefined],
  ['1.5h', undefined],
  ['', undefined]
])('%s is a duration of %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})
