import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Refusal, REFUSALS } from './errors.ts'

it('docs/gateway.md lists every code with its status', () => {
  const manual = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8')
  const rows = [...manual.matchAll(/^\| (\d{3})\s+\| `([A-Z_]+)`\s+\|/gm)].map(
    ([, status, code]) => `${status} ${code}`
  )
  const codes = Object.entries(REFUSALS).map(([code, { status }]) => `${status} ${code}`)
  expect(rows.toSorted()).toEqual(codes.toSorted())
})

it('a refusal knows no place in the code, and what comes after it does', () => {
  expect(new Refusal('ROUTE_UNKNOWN', 'No.').stack).not.toMatch(/\n\s+at /)
  expect(new Error('a fault').stack).toMatch(/\n\s+at /)
})
