import type { Command } from 'commander'
import { findRejection, listRejections, type RejectionRow } from '@sluice/prisma/tables/rejections'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { sourceNamed } from '../lookup.ts'
import { renderFields, renderTable, toned, type Screen } from '../render.ts'
import { clean } from '../text.ts'
import { toTableWhen, toWhen } from '../when.ts'

/** `sluice rejections`: records that can never be applied as they stand. */
export const addRejections = (program: Command, { out, sql }: Context): void => {
  const rejections = program
    .command('rejections')
    .summary('records that cannot be applied as they stand')
    .description(
      'A rejection is a record we can read and never apply: something an offer needs is missing or wrong. It is kept ' +
        'until its vendor sends the offer again and it fits; there is one for each source and offer.'
    )

  withExamples(
    rejections
      .command('list')
      .summary('list rejections, newest first')
      .description('Lists open rejections, newest first, with the place in the record that is to blame.')
      .option('--source <slug>', 'only of this source')
      .option('--all', 'closed ones too: the vendor has since sent something that fits')
      .option('--limit <count>', 'how many', input.limit, 50)
      .action(async (options: { source?: string; all?: true; limit: number }) => {
        const store = await sql()
        if (options.source !== undefined) await sourceNamed(store, options.source)
        const rows = await listRejections(store, {
          limit: options.limit,
          ...(options.source === undefined ? {} : { sourceSlug: options.source }),
          ...(options.all === true ? {} : { open: true })
        })
        out.answer({ rejections: rows.map((row) => toDocument(row)) }, (screen) =>
          rows.length === 0
            ? 'No rejections: every record that arrived could be applied.'
            : renderTable(
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
                  toTableWhen(row.lastAt, out.now)
                ]),
                screen
              )
        )
      }),
    ['sluice rejections list', 'what is open'],
    ['sluice rejections list --source acme-crm', 'of one source'],
    [
      'sluice rejections list --json | jq -r \'.rejections | group_by(.code)[] | "\\(length) \\(.[0].code)"\'',
      'by code'
    ]
  )

  withExamples(
    rejections
      .command('show')
      .summary('show a rejection with its record')
      .description(
        'Shows a rejection: what is wrong, where, since when, and the record as the vendor sent it.'
      )
      .argument('<id>', 'its number in the list', input.rowId)
      .action(async (id: string) => {
        const row = await findRejection(await sql(), id)
        if (row === undefined) {
          throw new CommandError(
            'REJECTION_UNKNOWN',
            `No rejection ${id}. \`sluice rejections list\` shows them.`
          )
        }
        out.answer({ rejection: { ...toDocument(row), record: row.record ?? null } }, (screen) =>
          renderRejection(row, out.now, screen)
        )
      }),
    ['sluice rejections show 7', 'what is wrong with it'],
    ["sluice rejections show 7 --json | jq '.rejection.record'", 'the record itself']
  )

  withExamples(
    rejections,
    ['sluice rejections list', 'what is open'],
    ['sluice rejections show 7', 'one of them, with its record']
  )
}

/** The message, with the place in the record where it does not name it itself. */
const whatOf = ({ path, message }: RejectionRow): string =>
  path === undefined || message.includes(path) ? message : `${path}: ${message}`

const toDocument = (row: RejectionRow): Record<string, unknown> => ({
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

const renderRejection = (row: RejectionRow, now: Date, screen: Screen): string => {
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
