import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import {
  createSource,
  findSource,
  listSources,
  pauseSource,
  resumeSource,
  updateHold,
  updateSource
} from '@sluice/prisma/tables/sources'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { EVERY, sourceNamed, vendorNamed } from '../lookup.ts'
import { toHold, toPatch, type EditOptions } from '../source-edit.ts'
import {
  renderChanges,
  renderSource,
  renderSources,
  toSourceDocument,
  type EditableName
} from '../source-view.ts'
import { toWhen } from '../when.ts'
import { addSourceAuth } from './source-auth.ts'
import { addSourceIntake } from './source-intake.ts'

/** The format for a source of our own design: what a CRM that can adapt should send. */
const DEFAULT_FORMAT = 'sluice'

interface AddOptions {
  vendor: string
  format: string
  timeZone: string
}

/** `sluice sources`: the channels of a vendor, webhooks and feeds alike. */
export const addSources = (program: Command, context: Context): void => {
  const { out, sql, announce, folder } = context
  const sources = program
    .command('sources')
    .summary('channels of a vendor: webhooks and feeds')
    .description(
      'A source is one channel of a vendor: a webhook its CRM posts to, or a feed we fetch. All sources of a vendor ' +
        'write the same offers. An edit reaches every running service at once.'
    )

  const add = sources
    .command('add')
    .summary('add a webhook (a feed: sluice feeds add)')
    .description('Adds a source. Feeds have their own command: `sluice feeds add`.')

  withExamples(
    add
      .command('webhook')
      .summary('add a webhook')
      .description('Adds a webhook: records of one format, posted to /webhooks/<slug> with an API key.')
      .argument('<slug>', 'short name for ever: the end of its address', input.slug)
      .requiredOption('--vendor <slug>', 'whose offers it brings')
      .option('--format <name>', 'how its records look (sluice formats list)', DEFAULT_FORMAT)
      .option('--time-zone <zone>', 'of dates without one, like Europe/Sofia', input.timeZone, 'UTC')
      .action(async (slug: string, options: AddOptions) => {
        const format = input.formatFor(options.format, 'webhook')
        const store = await sql()
        const vendor = await vendorNamed(store, options.vendor)
        const source = await createSource(store, {
          vendorId: vendor.id,
          slug,
          kind: 'webhook',
          format: format.name,
          timeZone: options.timeZone
        })
        if (source === undefined) throw await sourceTaken(store, slug)
        await announce(slug)
        out.answer(
          { source: toSourceDocument(source) },
          () => `Added webhook ${slug}: vendor ${vendor.slug}, format ${format.name}, POST /webhooks/${slug}`
        )
        out.note(`Next: sluice keys create ${slug}`)
      }),
    ['sluice sources add webhook acme-crm --vendor acme', 'records in our own format'],
    [
      'sluice sources add webhook acme-crm --vendor acme --format sluice --time-zone Europe/Sofia',
      'dates without a zone are meant in Sofia'
    ]
  )
  withExamples(
    add,
    ['sluice sources add webhook acme-crm --vendor acme', 'a webhook'],
    [
      "sluice feeds add acme-kyero --vendor acme --format kyero \\\n    --address https://acme.example/kyero.xml --schedule '0 */6 * * *'",
      'a feed, by its own command'
    ]
  )

  withExamples(
    sources
      .command('list')
      .summary('list webhooks and feeds')
      .description('Lists every source.')
      .option('--vendor <slug>', 'only of this vendor')
      .action(async (options: { vendor?: string }) => {
        const store = await sql()
        if (options.vendor !== undefined) await vendorNamed(store, options.vendor)
        const rows = await listSources(store, {
          limit: EVERY,
          ...(options.vendor === undefined ? {} : { vendorSlug: options.vendor })
        })
        out.answer({ sources: rows.map(toSourceDocument) }, (screen) =>
          rows.length === 0
            ? 'No sources. `sluice sources add webhook` and `sluice feeds add` make them.'
            : renderSources(rows, out.now, screen)
        )
      }),
    ['sluice sources list', 'all of them'],
    ['sluice sources list --vendor acme', "one vendor's"]
  )

  withExamples(
    sources
      .command('show')
      .summary('show the settings of a source')
      .description('Shows every setting of a source. Passwords and keys in an address are masked.')
      .argument('<source>', 'its slug')
      .action(async (slug: string) => {
        const source = await sourceNamed(await sql(), slug)
        out.answer({ source: toSourceDocument(source) }, (screen) => renderSource(source, out.now, screen))
      }),
    ['sluice sources show acme-crm', 'its format, time zone, state']
  )

  addSourceAuth(sources, context)
  addSourceIntake(sources, context)

  withExamples(
    sources
      .command('pause')
      .summary('stop taking records')
      .description(
        'Pauses a source: its webhook answers 503, its feed is not fetched. What was accepted is still applied.'
      )
      .argument('<source>', 'its slug')
      .action(async (slug: string) => {
        const store = await sql()
        const before = await sourceNamed(store, slug)
        if (before.pausedAt === undefined) await pauseSource(store, slug)
        await announce(slug)
        const source = await sourceNamed(store, slug)
        out.answer({ source: toSourceDocument(source) }, () =>
          before.pausedAt === undefined
            ? `Paused ${slug}. \`sluice sources resume ${slug}\` ends it.`
            : `${slug} has been paused since ${toWhen(before.pausedAt, out.now)}.`
        )
      }),
    ['sluice sources pause acme-crm', 'refuse its records for now']
  )

  withExamples(
    sources
      .command('resume')
      .summary('take records again')
      .description('Ends a pause. A feed that fell due meanwhile runs at once.')
      .argument('<source>', 'its slug')
      .action(async (slug: string) => {
        const store = await sql()
        const before = await sourceNamed(store, slug)
        if (before.pausedAt !== undefined) await resumeSource(store, slug)
        await announce(slug)
        const source = await sourceNamed(store, slug)
        out.answer({ source: toSourceDocument(source) }, () =>
          before.pausedAt === undefined ? `${slug} was not paused.` : `Resumed ${slug}.`
        )
      }),
    ['sluice sources resume acme-crm', 'take its records again']
  )

  withExamples(
    sources
      .command('edit')
      .summary('change settings')
      .description(
        'Changes what is given and leaves the rest. The revision moves, so that a feed sends every record again ' +
          'under the new settings; limits of removals alone do not move it.'
      )
      .argument('<source>', 'its slug')
      .option('--format <name>', 'how its records look')
      .option('--time-zone <zone>', "of dates without one, and of a feed's schedule", input.timeZone)
      .option('--address <address>', 'feeds: URL or path', input.addressFrom(folder))
      .option('--schedule <cron>', 'feeds: when to fetch', input.schedule)
      .option('--no-schedule', 'feeds: fetch only when asked')
      .option('--export-lag <duration>', 'feeds: how old an export may be when fetched', input.duration)
      .option(
        '--hold-share <percent>',
        'feeds: removals wait for a person when more than this share of the offers is gone, …',
        input.share
      )
      .option('--hold-count <count>', 'feeds: … and more than this many', input.count)
      .action(async (slug: string, options: EditOptions) => {
        const store = await sql()
        const before = await sourceNamed(store, slug)
        const patch = toPatch(before, options, out.now)
        const hold = toHold(before, options)
        const changed = Object.keys({ ...patch, ...hold }).filter((name) => name !== 'nextRunAt')
        if (Object.keys(hold).length > 0) await updateHold(store, slug, hold)
        if (Object.keys(patch).length > 0) await updateSource(store, slug, patch)
        if (changed.length > 0) await announce(slug)
        const source = await sourceNamed(store, slug)
        out.answer({ source: toSourceDocument(source), changed }, (screen) =>
          changed.length === 0
            ? `Nothing to change, ${slug} is already so.`
            : renderChanges(before, source, changed as EditableName[], screen)
        )
      }),
    [
      'sluice sources edit acme-crm --time-zone Europe/Madrid',
      'dates without a zone are now meant in Madrid'
    ],
    ["sluice sources edit acme-kyero --schedule '30 2 * * *'", 'fetch at half past two in the night'],
    ['sluice sources edit acme-kyero --no-schedule', 'fetch only when asked'],
    ['sluice sources edit acme-kyero --hold-share 50% --hold-count 200', 'this vendor removes many at once']
  )

  withExamples(
    sources,
    ['sluice sources add webhook acme-crm --vendor acme', 'a door for a CRM to post to'],
    ['sluice sources list', 'all of them'],
    ['sluice sources pause acme-crm', 'stop taking records for now'],
    ['sluice sources edit acme-crm --time-zone Europe/Madrid', 'change a setting']
  )
}

/** The error for a slug that is taken, saying by what. */
export const sourceTaken = async (sql: Sql, slug: string): Promise<CommandError> => {
  const taken = await findSource(sql, slug)
  const by = taken === undefined ? '' : ` (a ${taken.kind} of ${taken.vendorSlug})`
  return new CommandError('SOURCE_EXISTS', `Source "${slug}" exists already${by}; choose another slug.`)
}
