import type { Command } from 'commander'
import { UsageError } from './errors.ts'
import * as input from './input.ts'
import { renderTable, toned, type Screen } from './render.ts'
import { validityCell, validityOf, type Validity } from './validity.ts'
import { toTableWhen } from './when.ts'

/** What a key and a secret have in common: of a source, for a time, used or not. */
export interface Credential extends Validity {
  sourceSlug: string
  lastUsedAt?: Date
  createdAt: Date
}

export interface ValidityOptions {
  expires?: Date
  notBefore?: Date
}

export const withValidity = (command: Command): Command =>
  command
    .option('--expires <time>', 'not valid after: 90d, or a date', input.instant)
    .option('--not-before <time>', 'not valid before: 2h, or a date', input.instant)

/** @throws UsageError `KEY_NEVER_VALID` */
export const toValidity = ({ expires, notBefore }: ValidityOptions, now: Date): Validity => {
  if (expires !== undefined && expires <= (notBefore ?? now)) {
    throw new UsageError('KEY_NEVER_VALID', 'It would never be valid: it expires before it begins.')
  }
  return {
    ...(expires === undefined ? {} : { expiresAt: expires }),
    ...(notBefore === undefined ? {} : { notBefore })
  }
}

/** Its fields in `--json`, behind what it is called. */
export const toCredentialDocument = (row: Credential, now: Date): Record<string, unknown> => ({
  source: row.sourceSlug,
  state: validityOf(row, now),
  createdAt: row.createdAt,
  notBefore: row.notBefore ?? null,
  expiresAt: row.expiresAt ?? null,
  revokedAt: row.revokedAt ?? null,
  lastUsedAt: row.lastUsedAt ?? null
})

/** @param name title of the first column, and what stands in it */
export const renderCredentials = <Row extends Credential>(
  rows: readonly Row[],
  name: { title: string; shrinkTo?: number; of: (row: Row) => string },
  now: Date,
  screen: Screen
): string =>
  renderTable(
    [
      { title: name.title, ...(name.shrinkTo === undefined ? {} : { shrinkTo: name.shrinkTo }) },
      { title: 'SOURCE', shrinkTo: 10 },
      { title: 'STATE' },
      { title: 'LAST USED' },
      { title: 'CREATED', drop: 1 }
    ],
    rows.map((row) => [
      name.of(row),
      row.sourceSlug,
      validityCell(row, now),
      row.lastUsedAt === undefined ? toned('never', 'dim') : toTableWhen(row.lastUsedAt, now),
      toTableWhen(row.createdAt, now)
    ]),
    screen
  )
