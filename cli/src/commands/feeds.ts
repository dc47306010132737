import { Option, type Command } from 'commander'
import { listRuns } from '@sluice/prisma/tables/feed-runs'
import { createSource, listSources } from '@sluice/prisma/tables/sources'
import { nextRunAfter } from '@sluice/shared/schedule'
import { maskAddress } from '../address.ts'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { renderFeeds, type FeedRow } from '../feed-view.ts'
import { toAccess, withAccessOptions, type AccessOptions } from '../feed-access.ts'
import * as input from '../input.ts'
import { EVERY, sourceNamed, vendorNamed } from '../lookup.ts'
import { createProgressView } from '../progress-view.ts'
import { answerRun, answerRuns, RUN_WORD, SHOWS_RUN, toAnswer } from '../run-answer.ts'
import { failureOf, toRunDocument } from '../run-view.ts'
import { toSourceDocument } from '../source-view.ts'
import { askForRun, watchRun } from '../watch-run.ts'
import { toWhen } from '../when.ts'
import { addFeedAccess, keepSecret, secretFor } from './feed-access.ts'
import { addFeedPreview } from './feed-preview.ts'
import { sourceTaken } from './sources.ts'

interface AddOptions extends AccessOptions {
  vendor: string
  format: string
  address: string
  schedule?: string
  timeZone: string
  exportLag?: number
  firstRun: boolean
}

/** A scheduler looks every two seconds; this much longer means that none is running, or all are busy. */
const START_WITHIN_MS = 30_000

/** `sluice feeds`: files of a vendor that we fetch. */
export const addFeeds = (program: Command, context: Context): void => {
  const { out, sql, transaction, announce, interruption, folder } = context
  const feeds = program
    .command('feeds')
    .summary('files of a vendor that we fetch')
    .description(
      'A feed is a file of a vendor that we fetch, by schedule or when asked. A run reads it from the first byte, ' +
        'skips what has not changed and sends the rest, record by record. Pause, resume and edit: `sluice sources`.'
    )

  addFeedAccess(feeds, context)

  withExamples(
    withAccessOptions(feeds.command('add'))
      .summary('add a feed')
      .description('Adds a feed. It runs at once, and then by its schedule.')
      .argument('<slug>', 'short name for ever', input.slug)
      .requiredOption('--vendor <slug>', 'whose offers it brings')
      .requiredOption('--format <name>', 'how the file looks (sluice formats list)')
      .requiredOption(
        '--address <address>',
        "http(s), ftp(s) or sftp URL, or a path on the scheduler's machine",
        input.addressFrom(folder)
      )
      .option(
        '--schedule <cron>',
        'when to fetch, in its time zone; without one only when asked',
        input.schedule
      )
      .option('--time-zone <zone>', 'of its schedule, and of dates without one', input.timeZone, 'UTC')
      .option(
        '--export-lag <duration>',
        'how old an export may be when fetched (default: 15m)',
        input.duration
      )
      .option('--no-first-run', 'do not run at once')
      .action(async (slug: string, options: AddOptions) => {
        const format = input.formatFor(options.format, 'feed')
        const store = await sql()
        const vendor = await vendorNamed(store, options.vendor)
        const access = toAccess({}, options)
        const secret = await secretFor(context, access.wants)
        const feed = toNewFeed(slug, vendor.id, format.name, options, out.now)
        const source = await transaction(async (tx) => {
          const made = await createSource(tx, { ...feed, fetch: access.settings })
          if (made !== undefined) await keepSecret(tx, context, made, access, secret)
          return made
        })
        if (source === undefined) throw await sourceTaken(store, slug)
        await announce(slug)
        out.answer(
          { source: toSourceDocument(source) },
          () =>
            `Added feed ${slug}: vendor ${vendor.slug}, format ${format.name}, ${maskAddress(options.address)}, ` +
            (source.nextRunAt === undefined
              ? 'runs when asked.'
              : `first run ${toWhen(source.nextRunAt, out.now)}.`)
        )
        out.note(`Watch it: sluice feeds run ${slug}`)
      }),
    [
      "sluice feeds add acme-kyero --vendor acme --format kyero \\\n    --address https://acme.example/kyero.xml --schedule '0 */6 * * *' --time-zone Europe/Madrid",
      'fetch every six hours, Madrid time'
    ],
    [
      'sluice feeds add acme-file --vendor acme --format kyero --address ./acme.xml',
      'a local file, read once now and then when asked'
    ],
    [
      'cat id_ed25519 | sluice feeds add acme-sftp --vendor acme --format kyero --key sluice \\\n    --host-key SHA256:… --address sftp://acme.example/out/kyero.xml',
      'a file on an SFTP server'
    ]
  )

  withExamples(
    feeds
      .command('list')
      .summary('list feeds with their last run')
      .description('Lists every feed with its schedule, its next run and how the last one ended.')
      .option('--vendor <slug>', 'only of this vendor')
      .action(async (options: { vendor?: string }) => {
        const store = await sql()
        if (options.vendor !== undefined) await vendorNamed(store, options.vendor)
        const sources = await listSources(store, {
          limit: EVERY,
          ...(options.vendor === undefined ? {} : { vendorSlug: options.vendor })
        })
        const rows: FeedRow[] = []
        for (const source of sources.filter(({ kind }) => kind === 'feed')) {
          rows.push({ source, run: (await listRuns(store, { sourceSlug: source.slug, limit: 1 }))[0] })
        }
        out.answer(
          {
            feeds: rows.map(({ source, run }) => ({
              ...toSourceDocument(source),
              lastRun: run === undefined ? null : toRunDocument(run)
            }))
          },
          (screen) =>
            rows.length === 0 ? 'No feeds. `sluice feeds add` makes one.' : renderFeeds(rows, out.now, screen)
        )
      }),
    ['sluice feeds list', 'all of them'],
    [
      'sluice feeds list --json | jq -r \'.feeds[] | select(.lastRun.state == "failed") | .slug\'',
      'those in trouble'
    ]
  )

  addFeedPreview(feeds, context)

  withExamples(
    feeds
      .command('run')
      .summary('run a feed now and watch')
      .description(
        'Asks the scheduler to run a feed now and watches until it is over: a progress bar on a terminal, a line now ' +
          'and then elsewhere. Exits 0 only when the whole file was read and every record has settled; 1 when the run ' +
          'failed, was superseded or could read only a part. Ctrl-C ends the watching, not the run.'
      )
      .argument('<feed>', 'its slug')
      .option('--wait', 'watch in plain lines, on a terminal too')
      .option('--no-wait', 'ask and leave')
      .option('--full', 'fetch the file and send every record, whatever has not changed')
      .addOption(
        new Option('--start-within <duration>', 'how long a scheduler may take to start it')
          .argParser(input.duration)
          .default(START_WITHIN_MS, '30s')
      )
      .action(async (slug: string, options: { wait?: boolean; full?: boolean; startWithin: number }) => {
        const store = await sql()
        const source = await sourceNamed(store, slug, 'feed')
        const before = await askForRun(store, source, { full: options.full === true })
        if (options.wait === false) {
          out.answer({ requested: { feed: slug } }, () => `Asked for a run of ${slug}.`)
          out.note(`See it: sluice feeds show ${slug}`)
          return
        }
        const view = createProgressView(out, options.wait === true)
        const watched = await watchRun(store, source, before, {
          signal: interruption(),
          startWithinMs: options.startWithin,
          onQueued: (run) => out.note(`Run ${run.id} is under way; this one follows when it has ended.`),
          onProgress: ({ run, outcomes }) =>
            view({ ...run, settled: Object.values(outcomes).reduce((sum, count) => sum + count, 0) })
        }).finally(() => out.draw(''))
        const answer = toAnswer(watched, out)
        const failure = failureOf(watched.run)
        if (failure !== undefined) throw new CommandError(failure.code, failure.message, { answer })
        out.answer(answer.document, answer.text)
      }),
    ['sluice feeds run acme-kyero', 'with a progress bar'],
    ['sluice feeds run acme-kyero --wait && echo complete', 'in a script'],
    ["sluice feeds run acme-kyero --json | jq '.run.outcomes'", 'what became of its records'],
    ['sluice feeds run acme-kyero --full', 'every record anew'],
    ['sluice feeds run acme-kyero --no-wait', 'ask and leave']
  )

  withExamples(
    feeds
      .command('runs')
      .summary('list runs, newest first')
      .description('Lists the runs of one feed, or of all, newest first. The same as `sluice runs list`.')
      .argument('[feed]', 'its slug (default: every feed)')
      .option('--limit <count>', 'how many', input.limit, 20)
      .action(async (slug: string | undefined, options: { limit: number }) =>
        answerRuns(context, await sql(), slug, options.limit)
      ),
    ['sluice feeds runs', 'the last twenty of all feeds'],
    ['sluice feeds runs acme-kyero --limit 5', 'the last five of one']
  )

  withExamples(
    feeds
      .command('show')
      .summary('show a run and its problems')
      .description(`${SHOWS_RUN} The same as \`sluice runs show\`.`)
      .argument('<run>', RUN_WORD)
      .action(async (word: string) => answerRun(context, await sql(), word)),
    ['sluice feeds show 42', 'run 42'],
    ['sluice feeds show acme-kyero', 'the newest run of a feed'],
    ["sluice feeds show 42 --json | jq '.run.problems'", 'what could not be read']
  )

  withExamples(
    feeds,
    ['sluice feeds preview acme-kyero', 'what the next run would do'],
    ['sluice feeds run acme-kyero', 'fetch now and watch'],
    ['sluice feeds list', 'all of them, with their last run'],
    ['sluice feeds show acme-kyero', 'how the newest run went, and its problems'],
    ["sluice sources edit acme-kyero --schedule '30 2 * * *'", 'another schedule']
  )
}

const toNewFeed = (
  slug: string,
  vendorId: number,
  format: string,
  options: AddOptions,
  now: Date
): Parameters<typeof createSource>[1] => {
  const { schedule, timeZone } = options
  const nextRunAt = options.firstRun
    ? now
    : schedule === undefined
      ? undefined
      : nextRunAfter(schedule, timeZone, now)
  return {
    vendorId,
    slug,
    kind: 'feed',
    format,
    timeZone,
    address: options.address,
    ...(schedule === undefined ? {} : { schedule }),
    ...(nextRunAt === undefined ? {} : { nextRunAt }),
    ...(options.exportLag === undefined ? {} : { exportLagMs: options.exportLag })
  }
}
