import { resolve } from 'node:path'
import type { Command } from 'commander'
import { listRuns } from '@sluice/prisma/tables/feed-runs'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { Preview, PreviewProgress } from '@sluice/scheduler/preview'
import { SluiceError } from '@sluice/shared/errors'
import { maskAddress } from '../address.ts'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { sourceNamed } from '../lookup.ts'
import type { Output } from '../output.ts'
import { renderPreview, toPreviewDocument } from '../preview-view.ts'
import { createProgressView } from '../progress-view.ts'
import { isOver } from '../run-view.ts'

interface PreviewOptions {
  file?: string
  limit: number
}

const DRAW_EVERY_MS = 250
/** Most previews are done by then, and need no progress. */
const DRAW_AFTER_MS = 1_000

/** `sluice feeds preview`: a run that leaves nothing behind. */
export const addFeedPreview = (feeds: Command, context: Context): void => {
  const { out, sql, folder } = context
  withExamples(
    feeds
      .command('preview')
      .summary('what the next run of a feed would do')
      .description(
        'Fetches a feed and says what a run of it would do: what is skipped, created, updated, rejected, withdrawn or held ' +
          'back, and how the first offers would change. Nothing is sent and nothing is written; RabbitMQ is not needed. ' +
          'It goes by the rules of the scheduler: SCHEDULER_EGRESS_ALLOW, SCHEDULER_FETCH_… and SLUICE_SECRETS_KEY are ' +
          'read here. Exits 1 when the feed cannot be had, or can be read only in part.'
      )
      .argument('<feed>', 'its slug')
      .option('--file <path>', 'read this file, on this machine, in place of what is at the address')
      .option('--limit <count>', 'how many changes, rejections and vanished offers to show', input.limit, 10)
      .action(async (slug: string, options: PreviewOptions) => {
        const store = await sql()
        const source = await sourceNamed(store, slug, 'feed')
        const [newest] = await listRuns(store, { sourceSlug: slug, limit: 1 })
        if (newest !== undefined && !isOver(newest)) {
          out.note(
            `Run ${newest.id} of ${slug} is under way: what it has not settled yet counts as still to do.`
          )
        }
        const file = options.file === undefined ? undefined : resolve(folder(), options.file)
        const preview = await previewOf(context, source, file, options.limit)
        const previewed = { feed: slug, from: file ?? maskAddress(source.address ?? '') }
        const answer = {
          document: { preview: toPreviewDocument(preview, previewed) },
          text: (screen: Output['screen']) => renderPreview(preview, previewed, screen)
        }
        const { errorCode, errorMessage = '' } = preview.reading
        // Records that cannot be read cost themselves; a file that breaks off says little of what the next one holds.
        if (errorCode !== undefined && errorCode !== 'FEED_RECORDS') {
          const message = `Only a part of the file could be read: ${errorMessage.replace(/\.$/, '')}. A run would apply that part.`
          throw new CommandError(errorCode, message, { answer })
        }
        out.answer(answer.document, answer.text)
        const first = file === undefined ? '' : `put the file at ${maskAddress(source.address ?? '')}, then `
        out.note(`Nothing was sent or written. To do it: ${first}sluice feeds run ${slug}`)
      }),
    ['sluice feeds preview acme-kyero', 'what the next run would do'],
    [
      'sluice feeds preview acme-kyero --file ./new.xml --limit 50',
      'were this file at its address; fifty changes'
    ],
    ["sluice feeds preview acme-kyero --json | jq '.preview.outcomes'", 'for a script']
  )
}

const previewOf = async (
  { out, environment, interruption }: Context,
  source: SourceRow,
  file: string | undefined,
  limit: number
): Promise<Preview> => {
  // Loaded by this command alone: the scheduler's parts would make every other one start later.
  const { loadPreviewConfig, previewFeed } = await import('@sluice/scheduler/preview')
  const signal = interruption()
  const view = createProgressView(out)
  const startedAt = out.now
  let latest: PreviewProgress | undefined
  const timer = setInterval(() => {
    if (latest === undefined || out.now.getTime() - startedAt.getTime() < DRAW_AFTER_MS) return
    view({ ...latest, startedAt })
  }, DRAW_EVERY_MS)
  try {
    return await previewFeed({
      config: loadPreviewConfig(environment),
      source,
      ...(file === undefined ? {} : { file }),
      limit,
      signal,
      onProgress: (progress) => {
        latest = progress
      }
    })
  } catch (thrown) {
    if (signal.aborted) throw new CommandError('INTERRUPTED', 'Stopped. Nothing was sent or written.')
    throw file === undefined && thrown instanceof SluiceError ? withAdvice(thrown, source.slug) : thrown
  } finally {
    clearInterval(timer)
    out.draw('')
  }
}

/** What a person can do about a feed that cannot be had, where the message does not say it. */
const withAdvice = (error: SluiceError, slug: string): SluiceError => {
  const advice = ADVICE[error.code]
  if (advice === undefined) return error
  const message = `${error.message.replace(/\.$/, '')}. ${advice(slug)}`
  return new CommandError(error.code, message, { cause: error })
}

const toAddress = (slug: string): string =>
  `\`sluice sources edit ${slug} --address …\` sets another address.`
const toAccess = (slug: string): string => `If it asks who we are: \`sluice feeds access ${slug} --help\`.`
const toFormat = (slug: string): string => `\`sluice sources edit ${slug} --format …\` sets another format.`

const ADVICE: Readonly<Record<string, (slug: string) => string>> = {
  FETCH_ADDRESS: toAddress,
  FETCH_NOT_FOUND: toAddress,
  FETCH_UNREACHABLE: toAddress,
  FETCH_DENIED: toAccess,
  FETCH_STATUS: toAccess,
  FETCH_HOST_KEY: toAccess,
  FEED_FORMAT: toFormat
}
