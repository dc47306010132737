import type { Command } from 'commander'
import { countRemappable, type RemapSize } from '@sluice/prisma/tables/deliveries'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { codeOf } from '@sluice/shared/errors'
import { findFormat } from '@sluice/shared/formats'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError, type Answer } from '../errors.ts'
import * as input from '../input.ts'
import { sourceNamed } from '../lookup.ts'
import { remapRecords, type Remapped } from '../remap.ts'
import { createSendingView } from '../sending-view.ts'
import { counted } from '../text.ts'

interface RemapCommandOptions {
  rate: number
  dryRun?: true
  since?: Date
}

/** `sluice remap`: what a webhook sent, given its meaning once more. */
export const addRemap = (program: Command, { out, sql, broker, publisher, interruption }: Context): void => {
  withExamples(
    program
      .command('remap')
      .summary('give the kept records of a webhook their meaning once more')
      .description(
        'After a mapping was mended and its formatVersion raised: sends every record of a webhook that was kept (30 ' +
          'days) and mapped by an earlier version into the house again, with the times it had. What is newer stays; ' +
          'what means the same changes nothing. Ctrl-C stops it (exit 130) and the same command goes on with the rest; ' +
          'a record that has settled is not sent again. Deploy the workers first: they give the meaning.'
      )
      .argument('<source>', 'slug of the webhook')
      .option('--rate <count>', 'at most so many a second', input.rate, 200)
      .option(
        '--since <time>',
        'only what was received since: a duration ago, like 2d, or a date',
        input.past
      )
      .option('--dry-run', 'count them and send nothing')
      .action(async (slug: string, options: RemapCommandOptions) => {
        const store = await sql()
        const source = await sourceNamed(store, slug)
        const formatVersion = versionOf(source)
        const scope = {
          sourceId: source.id,
          formatVersion,
          until: out.now,
          ...(options.since === undefined ? {} : { since: options.since })
        }
        if (options.dryRun === true) {
          const size = await countRemappable(store, scope)
          out.answer({ remap: { source: slug, formatVersion, ...size } }, () => sizeText(size, formatVersion))
          return
        }
        const view = createSendingView(out)
        const done = await remapRecords({
          sql: store,
          publisher: await publisher(),
          topology: broker().topology,
          source,
          scope,
          rate: options.rate,
          signal: interruption(),
          onProgress: ({ asked, sent }) => view({ verb: 'sent', sent, of: asked, failed: 0 })
        }).finally(() => out.draw(''))
        const answer = toAnswer(done)
        const failure = failureOf(done, answer)
        if (failure !== undefined) throw failure
        out.answer(answer.document, answer.text)
        if (done.sent > 0) out.note(`Workers apply them now; left to settle: sluice remap ${slug} --dry-run`)
      }),
    ['sluice remap acme-crm --dry-run', 'how many there are'],
    ['sluice remap acme-crm --rate 50', 'fifty a second'],
    ['sluice remap acme-crm --since 2d', 'only what came in the last two days']
  )
}

/** @throws CommandError `REMAP_FEED`: a feed keeps no records here, its file does */
const versionOf = ({ slug, kind, format: name }: SourceRow): number => {
  const format = findFormat(name)
  if (format === undefined) throw new CommandError('FORMAT_UNKNOWN', `There is no format "${name}".`)
  if (kind === 'webhook') return format.formatVersion
  throw new CommandError(
    'REMAP_FEED',
    `"${slug}" is a feed: its next run sends every record anew, because its format is version ` +
      `${format.formatVersion} now. \`sluice feeds run ${slug}\` does it at once.`
  )
}

const sizeText = ({ records, offers }: RemapSize, formatVersion: number): string =>
  records === 0
    ? `Nothing to remap: every kept record has settled under version ${formatVersion} of its format.`
    : `${counted(records, 'record')} of ${counted(offers, 'offer')} to remap to version ${formatVersion}.`

const toAnswer = ({ asked, sent }: Remapped): Answer => ({
  document: { asked, sent },
  text: () => (asked === 0 ? 'Nothing to remap.' : `Sent ${counted(sent, 'record')} to be remapped.`)
})

const failureOf = ({ asked, sent, problem }: Remapped, answer: Answer): CommandError | undefined => {
  const left = Math.max(0, asked - sent)
  const rest = `Still to send: ${counted(left, 'record')}; run it again for the rest.`
  if (problem !== undefined) {
    return new CommandError(codeOf(problem), `Stopped: ${problem.message}. ${rest}`, {
      cause: problem,
      answer
    })
  }
  return left === 0 ? undefined : new CommandError('INTERRUPTED', `Stopped. ${rest}`, { answer })
}
