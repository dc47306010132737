import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  updateSource,
  type OnBrokerDown,
  type OnPaused,
  type SourcePatch,
  type SourceRow
} from '@sluice/prisma/tables/sources'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import { sourceNamed } from '../lookup.ts'
import { renderFields } from '../render.ts'

interface IntakeOptions {
  rateLimit?: number | false
  recordsPath?: readonly string[] | false
  onBrokerDown?: OnBrokerDown
  onPaused?: OnPaused
}

/** `sluice sources intake`: how a webhook takes what is sent to it. */
export const addSourceIntake = (sources: Command, { out, sql, announce }: Context): void => {
  withExamples(
    sources
      .command('intake')
      .summary('how a webhook takes what is sent: quota, wrapper, outages')
      .description(
        'Sets how a webhook takes requests, and shows it. What is not given stays. While RabbitMQ is away or the source ' +
          'is paused, records can wait in the outbox (the sender hears 202) or be refused (503; for senders known to ' +
          'send again).'
      )
      .argument('<source>', 'its slug')
      .option('--rate-limit <requests>', 'requests a minute, over all gateways', requestsAMinute)
      .option('--no-rate-limit', 'as many as come')
      .option('--records-path <steps>', 'where the records are in the body, like data.items', steps)
      .option('--no-records-path', 'the body is the records')
      .addOption(
        new Option('--on-broker-down <what>', 'while RabbitMQ is away').choices(['outbox', 'refuse'])
      )
      .addOption(new Option('--on-paused <what>', 'while it is paused').choices(['refuse', 'accept']))
      .action(async (slug: string, options: IntakeOptions) => {
        const store = await sql()
        const before = await sourceNamed(store, slug)
        if (before.kind === 'feed') {
          throw new UsageError('SOURCE_KIND', `"${slug}" is a feed, which we fetch; nothing is sent to it.`)
        }
        const patch = toPatch(before, options)
        const changed = Object.keys(patch)
        if (changed.length > 0) {
          await updateSource(store, slug, patch)
          await announce(slug)
        }
        const intake = intakeOf(changed.length > 0 ? await sourceNamed(store, slug) : before)
        out.answer({ source: slug, intake, changed }, (screen) =>
          renderFields(
            [
              ['source', slug],
              ['rate limit', intake.rateLimit === null ? 'none' : `${intake.rateLimit} requests a minute`],
              ['records at', intake.recordsPath?.join('.') ?? 'the body itself'],
              ['RabbitMQ away', intake.onBrokerDown === 'outbox' ? '202, kept in the outbox' : '503'],
              ['paused', intake.onPaused === 'accept' ? '202, kept in the outbox' : '503']
            ],
            screen
          )
        )
      }),
    ['sluice sources intake acme-crm', 'how it is now'],
    ['sluice sources intake acme-crm --rate-limit 600', 'ten a second, on average'],
    ['sluice sources intake acme-crm --records-path data.items', 'the records are in a wrapper'],
    ['sluice sources intake acme-crm --on-broker-down refuse', 'its sender sends again by itself']
  )
}

const MAX_RATE = 1_000_000

const requestsAMinute = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_RATE) return value
  throw new InvalidArgumentError(`A rate is a whole number of requests a minute, from 1 to ${MAX_RATE}.`)
}

const steps = (text: string): readonly string[] => {
  const path = text.split('.')
  if (path.every((step) => step !== '')) return path
  throw new InvalidArgumentError('A path is names with dots between them, like data.items.')
}

const intakeOf = ({ rateLimit, recordsPath, onBrokerDown, onPaused }: SourceRow) => ({
  rateLimit: rateLimit ?? null,
  recordsPath: recordsPath ?? null,
  onBrokerDown,
  onPaused
})

/** Only what differs from now. */
const toPatch = (source: SourceRow, options: IntakeOptions): SourcePatch => {
  const now = intakeOf(source)
  const rateLimit = options.rateLimit === false ? null : options.rateLimit
  const recordsPath = options.recordsPath === false ? null : options.recordsPath
  const { onBrokerDown, onPaused } = options
  return {
    ...(rateLimit === undefined || rateLimit === now.rateLimit ? {} : { rateLimit }),
    ...(recordsPath === undefined || JSON.stringify(recordsPath) === JSON.stringify(now.recordsPath)
      ? {}
      : { recordsPath: recordsPath === null ? null : [...recordsPath] }),
    ...(onBrokerDown === undefined || onBrokerDown === now.onBrokerDown ? {} : { onBrokerDown }),
    ...(onPaused === undefined || onPaused === now.onPaused ? {} : { onPaused })
  }
}
