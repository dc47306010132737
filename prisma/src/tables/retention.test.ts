import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { RETENTION } from './retention.ts'

test('docs/operations.md has every rule, with its days', () => {
  const manual = readFileSync(fileURLToPath(new URL('../../../docs/operations.md', import.meta.url)), 'utf8')
  const rows = [...manual.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm)].map(([, table, days]) => ({
    table,
    keepDays: Number(days)
  }))
  expect(rows).toEqual(RETENTION.map(({ table, keepDays }) => ({ table, keepDays })))
})
