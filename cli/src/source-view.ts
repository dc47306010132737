import type { SourceRow } from '@sluice/prisma/tables/sources'
import { maskAddress } from './address.ts'
import { renderFields, renderTable, toned, type Cell, type Screen } from './render.ts'
import { formatDuration, toTableWhen, toWhen } from './when.ts'

/** How sources are shown, as text and as documents. Pure. */

/** A source as `--json` shows it: the same keys for both kinds. */
export const toSourceDocument = (source: SourceRow): Record<string, unknown> => ({
  slug: source.slug,
  kind: source.kind,
  vendor: source.vendorSlug,
  format: source.format,
  timeZone: source.timeZone,
  revision: source.revision,
  pausedAt: source.pausedAt ?? null,
  address: source.address === undefined ? null : maskAddress(source.address),
  fetch: source.kind === 'feed' ? (source.fetch ?? {}) : null,
  schedule: source.schedule ?? null,
  nextRunAt: source.nextRunAt ?? null,
  runRequestedAt: source.runRequestedAt ?? null,
  exportLagMs: source.kind === 'feed' ? source.exportLagMs : null,
  holdShare: source.kind === 'feed' ? source.holdShare : null,
  holdCount: source.kind === 'feed' ? source.holdCount : null,
  auth: source.kind === 'webhook' ? source.auth : null
})

export const renderSources = (sources: readonly SourceRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'SOURCE' },
      { title: 'KIND' },
      { title: 'VENDOR', shrinkTo: 8 },
      { title: 'FORMAT', shrinkTo: 8 },
      { title: 'TIME ZONE', shrinkTo: 8, drop: 1 },
      { title: 'STATE', shrinkTo: 10 }
    ],
    sources.map((source) => [
      source.slug,
      source.kind,
      source.vendorSlug,
      source.format,
      source.timeZone,
      stateOf(source, now)
    ]),
    screen
  )

const stateOf = (source: SourceRow, now: Date): Cell => {
  if (source.pausedAt !== undefined) return toned('paused', 'warn')
  if (source.kind === 'webhook') return toned('open', 'good')
  if (source.nextRunAt === undefined) return toned('runs when asked', 'dim')
  return source.nextRunAt <= now ? toned('due', 'good') : toTableWhen(source.nextRunAt, now, 'next ')
}

export const renderSource = (source: SourceRow, now: Date, screen: Screen): string =>
  renderFields(
    [
      ['source', toned(source.slug, 'strong')],
      ['kind', source.kind],
      ['vendor', source.vendorSlug],
      ['format', source.format],
      ['time zone', source.timeZone],
      ['revision', String(source.revision)],
      [
        'state',
        source.pausedAt === undefined
          ? toned('open', 'good')
          : toned(`paused since ${toWhen(source.pausedAt, now)}`, 'warn')
      ],
      ...(source.kind === 'webhook'
        ? ([
            ['posts to', `/webhooks/${source.slug}`],
            ['senders by', JSON.stringify(source.auth)]
          ] as const)
        : ([
            ['address', maskAddress(source.address ?? '')],
            ['fetched', source.fetch === undefined ? 'without credentials' : JSON.stringify(source.fetch)],
            ['schedule', source.schedule ?? 'none: runs when asked'],
            ['next run', source.nextRunAt === undefined ? 'when asked' : toWhen(source.nextRunAt, now)],
            ['export lag', formatDuration(source.exportLagMs)],
            [
              'holds',
              `removals of more than ${percentOf(source.holdShare)} and more than ${source.holdCount}`
            ]
          ] as const))
    ],
    screen
  )

const percentOf = (share: number): string => `${Math.round(share * 1000) / 10} %`

/** Settings an edit may change. */
export type EditableName =
  | 'format'
  | 'timeZone'
  | 'address'
  | 'schedule'
  | 'exportLagMs'
  | 'holdShare'
  | 'holdCount'

const LABELS: Readonly<Record<EditableName, string>> = {
  format: 'format',
  timeZone: 'time zone',
  address: 'address',
  schedule: 'schedule',
  exportLagMs: 'export lag',
  holdShare: 'share held',
  holdCount: 'number held'
}

export const renderChanges = (
  before: SourceRow,
  after: SourceRow,
  changed: readonly EditableName[],
  screen: Screen
): string => {
  const shown = (source: SourceRow, name: EditableName): string => {
    const value = source[name]
    if (value === undefined) return 'none'
    if (name === 'holdShare') return percentOf(source.holdShare)
    if (name === 'holdCount') return String(value)
    if (typeof value === 'number') return formatDuration(value)
    return name === 'address' ? maskAddress(value) : value
  }
  return [
    `Changed ${after.slug}, now revision ${after.revision}.`,
    renderFields(
      changed.map((name) => [LABELS[name], `${shown(before, name)} → ${shown(after, name)}`]),
      screen
    )
  ].join('\n')
}
