import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import {
  countRejections,
  findRejection,
  listRejections,
  type RejectionFilter
} from '@sluice/prisma/tables/rejections'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { sourceNamed, vendorNamed } from '../lookup.ts'
import {
  renderRejection,
  renderRejectionCounts,
  renderRejections,
  toRejectionDocument
} from '../rejection-view.ts'

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
    withFilter(
      rejections
        .command('list')
        .summary('list rejections, newest first')
        .description('Lists open rejections, newest first, with the place in the record that is to blame.')
    )
      .option('--limit <count>', 'how many', input.limit, 50)
      .action(async ({ limit, ...options }: FilterOptions & { limit: number }) => {
        const store = await sql()
        const rows = await listRejections(store, { ...(await toFilter(store, options)), limit })
        out.answer({ rejections: rows.map(toRejectionDocument) }, (screen) =>
          rows.length === 0 ? NONE : renderRejections(rows, out.now, screen)
        )
      }),
    ['sluice rejections list', 'what is open'],
    ['sluice rejections list --source acme-crm --since 1d', 'of one source, since yesterday'],
    ['sluice rejections list --offer 4711 --all', 'why offer 4711 did not change, now and before']
  )

  withExamples(
    withFilter(
      rejections
        .command('count')
        .summary('count rejections')
        .description('Counts open rejections by source and code, most first.')
    ).action(async (options: FilterOptions) => {
      const store = await sql()
      const counts = await countRejections(store, await toFilter(store, options))
      const total = counts.reduce((sum, { count }) => sum + count, 0)
      out.answer(
        { total, counts: counts.map(({ sourceSlug: source, ...rest }) => ({ source, ...rest })) },
        (screen) => (total === 0 ? NONE : renderRejectionCounts(counts, out.now, screen))
      )
    }),
    ['sluice rejections count', 'how many are open, and why'],
    ['sluice rejections count --vendor acme --json | jq .total', 'for a script']
  )

  withExamples(
    rejections
      .command('show')
      .summary('show a rejection with its record')
      .description(
        'Shows a rejection: what is wrong, where, since when, and the record the vendor sent; the database keeps its ' +
          'members in an order of its own.'
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
        out.answer({ rejection: { ...toRejectionDocument(row), record: row.record ?? null } }, (screen) =>
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

const NONE = 'No rejections: every record that arrived could be applied.'

interface FilterOptions {
  source?: string
  vendor?: string
  code?: string
  offer?: string
  since?: Date
  all?: true
}

const withFilter = (command: Command): Command =>
  command
    .option('--source <slug>', 'only of this source')
    .option('--vendor <slug>', 'only of this vendor')
    .option('--code <code>', 'only of this code, like RECORD_INVALID')
    .option('--offer <id>', "only of this offer, by the vendor's own id")
    .option('--since <time>', 'only those said since: a duration ago, like 2h, or a date', input.past)
    .option('--all', 'closed ones too: the vendor has since sent something that fits')

/** A slug typed wrong is told, and does not look like "none". */
const toFilter = async (
  sql: Sql,
  { source, vendor, code, offer, since, all }: FilterOptions
): Promise<RejectionFilter> => ({
  ...(source === undefined ? {} : { sourceSlug: (await sourceNamed(sql, source)).slug }),
  ...(vendor === undefined ? {} : { vendorSlug: (await vendorNamed(sql, vendor)).slug }),
  ...(code === undefined ? {} : { code: code.toUpperCase() }),
  ...(offer === undefined ? {} : { externalId: offer }),
  ...(since === undefined ? {} : { since }),
  ...(all === true ? {} : { open: true })
})
