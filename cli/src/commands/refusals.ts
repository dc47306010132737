import type { Command } from 'commander'
import { listRefusals, type RefusalRow } from '@sluice/prisma/tables/refusals'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import * as input from '../input.ts'
import { sourceNamed } from '../lookup.ts'
import { renderTable } from '../render.ts'
import { toTableWhen } from '../when.ts'

/** `sluice refusals`: requests the gateway did not accept. */
export const addRefusals = (program: Command, { out, sql }: Context): void => {
  const refusals = program
    .command('refusals')
    .summary('requests the gateway did not accept')
    .description(
      'A refusal is a request the gateway answered with an error: a wrong key, a body it cannot read, too many at ' +
        'once. They are counted by source, code and minute and kept for 30 days, with who sent the first of the ' +
        'minute and the shape of its body: letters are shown as x, digits as 0.'
    )

  withExamples(
    refusals
      .command('list')
      .summary('list refusals, newest first')
      .description('Lists refusals, newest minute first. Those of the last seconds may not be counted yet.')
      .option('--source <slug>', 'only of this source')
      .option('--code <code>', 'only of this code, like API_KEY_INVALID')
      .option('--last <duration>', 'only of this long ago until now, like 2h', input.duration)
      .option('--limit <count>', 'how many', input.limit, 50)
      .action(async (options: { source?: string; code?: string; last?: number; limit: number }) => {
        const store = await sql()
        if (options.source !== undefined) await sourceNamed(store, options.source)
        const rows = await listRefusals(store, {
          limit: options.limit,
          ...(options.source === undefined ? {} : { sourceSlug: options.source }),
          ...(options.code === undefined ? {} : { code: options.code.toUpperCase() }),
          ...(options.last === undefined ? {} : { since: new Date(out.now.getTime() - options.last) })
        })
        out.answer({ refusals: rows.map(toDocument) }, (screen) =>
          rows.length === 0
            ? 'No refusals: every request that came was accepted.'
            : renderTable(
                [
                  { title: 'SOURCE', shrinkTo: 20 },
                  { title: 'CODE' },
                  { title: 'COUNT' },
                  { title: 'LAST' },
                  { title: 'FROM', shrinkTo: 16, drop: 1 },
                  { title: 'WHY', shrinkTo: 30, drop: 2 }
                ],
                rows.map((row) => [
                  row.sourceSlug,
                  row.code,
                  String(row.count),
                  toTableWhen(row.lastAt, out.now),
                  text(row, 'address') ?? '',
                  whyOf(row)
                ]),
                screen
              )
        )
      }),
    ['sluice refusals list', 'what was refused lately'],
    ['sluice refusals list --source acme-crm --last 1h', 'of one source, within the hour'],
    [
      "sluice refusals list --code BODY_MALFORMED --json | jq -r '.refusals[].sample.skeleton'",
      'the shape of bodies that could not be read'
    ]
  )

  withExamples(refusals, ['sluice refusals list --source acme-crm', 'why does nothing arrive?'])
}

/** What the sender was not told, where there is such a thing, else what it was told. */
const whyOf = (row: RefusalRow): string => text(row, 'reason') ?? text(row, 'detail') ?? ''

const text = ({ sample }: RefusalRow, name: string): string | undefined => {
  const value = sample[name]
  return typeof value === 'string' ? value : undefined
}

const toDocument = ({ sourceSlug, code, minute, count, lastAt, sample }: RefusalRow) => ({
  source: sourceSlug,
  code,
  minute,
  count,
  lastAt,
  sample
})
