import type { RejectionCount, RejectionRow } from '@sluice/prisma/tables/rejections'
import { renderFields, renderTable, toned, type Screen } from './render.ts'
import { clean, formatCount } from './text.ts'
import { toTableWhen, toWhen } from './when.ts'

/** How rejections are shown, as text and as documents. Pure. */

export const renderRejections = (rows: readonly RejectionRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: '#' },
      { title: 'SOURCE', shrinkTo: 20 },
      { title: 'OFFER', shrinkTo: 24 },
      { title: 'CODE' },
      { title: 'WHAT', shrinkTo: 30 },
      { title: 'LAST', drop: 1 }
    ],
    rows.map((row) => [
      row.id,
      row.sourceSlug,
      row.externalId,
      row.closedAt === undefined ? row.code : toned(`${row.code} (closed)`, 'dim'),
      whatOf(row),
      toTableWhen(row.lastAt, now)
    ]),
    screen
  )

export const renderRejectionCounts = (counts: readonly RejectionCount[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'SOURCE', shrinkTo: 20 },
      { title: 'CODE' },
      { title: 'COUNT', align: 'right' },
      { title: 'LAST' }
    ],
    counts.map(({ sourceSlug, code, count, lastAt }) => [
      sourceSlug,
      code,
      formatCount(count),
      toTableWhen(lastAt, now)
    ]),
    screen
  )

/** The message, with the place in the record where it does not name it itself. */
const whatOf = ({ path, message }: RejectionRow): string =>
  path === undefined || message.includes(path) ? message : `${path}: ${message}`

export const toRejectionDocument = (row: RejectionRow): Record<string, unknown> => ({
  id: row.id,
  source: row.sourceSlug,
  offer: row.externalId,
  code: row.code,
  path: row.path ?? null,
  message: row.message,
  count: row.count,
  firstAt: row.firstAt,
  lastAt: row.lastAt,
  closedAt: row.closedAt ?? null,
  messageId: row.messageId ?? null,
  run: row.runId ?? null
})

export const renderRejection = (row: RejectionRow, now: Date, screen: Screen): string => {
  const fields = renderFields(
    [
      ['rejection', toned(row.id, 'strong')],
      ['source', row.sourceSlug],
      ['offer', row.externalId],
      ['code', toned(row.code, 'bad')],
      ...(row.path === undefined ? [] : [['at', row.path] as const]),
      ['what', row.message],
      ['said', row.count === 1 ? 'once' : `${row.count} times`],
      ['first', toWhen(row.firstAt, now)],
      ['last', toWhen(row.lastAt, now)],
      ['state', row.closedAt === undefined ? toned('open', 'warn') : `closed ${toWhen(row.closedAt, now)}`],
      ...(row.messageId === undefined ? [] : [['message', row.messageId] as const]),
      ...(row.runId === undefined ? [] : [['run', row.runId] as const])
    ],
    screen
  )
  if (row.record === undefined) return fields
  return `${fields}\n\nRecord:\n${clean(JSON.stringify(row.record, null, 2), true)}`
}
