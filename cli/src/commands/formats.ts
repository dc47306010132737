import type { Command } from 'commander'
import { formats, GONE, type Format } from '@sluice/shared/formats'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { renderTable } from '../render.ts'

/** `sluice formats`: how vendors' data can look. Code, so it asks nothing of any service. */
export const addFormats = (program: Command, { out }: Context): void => {
  const group = program
    .command('formats')
    .summary("how vendors' data can look")
    .description(
      "A format says how a vendor's data looks and what it means. Formats are code, one folder each; a new vendor " +
        'on a known format needs none.'
    )

  withExamples(
    group
      .command('list')
      .summary('list formats')
      .description('Lists every format, and whether it arrives by webhook, as a feed, or both.')
      .action(() => {
        out.answer({ formats: formats.map(toDocument) }, (screen) =>
          renderTable(
            [
              { title: 'FORMAT' },
              { title: 'TITLE', shrinkTo: 16 },
              { title: 'VERSION', align: 'right', drop: 1 },
              { title: 'WEBHOOK' },
              { title: 'FEED' },
              { title: 'AN OFFER IS GONE WHEN', shrinkTo: 20, drop: 2 }
            ],
            formats.map((format) => [
              format.name,
              format.title,
              String(format.formatVersion),
              format.webhook ? 'yes' : 'no',
              format.feed === undefined ? 'no' : 'yes',
              goneOf(format)
            ]),
            screen
          )
        )
      }),
    ['sluice formats list', 'all of them'],
    ["sluice formats list --json | jq '.formats[] | select(.feed)'", 'only those for feeds']
  )

  withExamples(group, ['sluice formats list', 'all of them'])
}

const goneOf = (format: Format): string =>
  format.feed === undefined ? GONE['verb-in-record'] : GONE[format.feed.gone]

const toDocument = (format: Format): Record<string, unknown> => ({
  name: format.name,
  title: format.title,
  formatVersion: format.formatVersion,
  webhook: format.webhook,
  feed: format.feed === undefined ? null : { records: format.feed.records.kind, gone: format.feed.gone },
  id: format.id,
  factAt: format.factAt ?? null,
  covers: format.covers
})
