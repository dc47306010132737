import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import { revokeSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { updateSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { isKnownToRetry, resolveAuth, SCHEMES, type ResolvedAuth } from '@sluice/shared/auth'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError, UsageError } from '../errors.ts'
import * as input from '../input.ts'
import { sourceNamed } from '../lookup.ts'
import { newSecret } from '../secret-input.ts'
import { hintOf } from '../suggest.ts'
import { storeSecret, unfitSecrets } from './secrets.ts'

interface AuthOptions {
  scheme: string
  header?: string
  query?: string
  tolerance?: number
  publicUrl?: string
  allowFrom?: readonly string[]
  rule?: Record<string, unknown>
  secret?: boolean
  generate?: boolean
}

/** `sluice sources auth`: how the senders of a webhook are known. */
export const addSourceAuth = (sources: Command, context: Context): void => {
  withExamples(
    sources
      .command('auth')
      .summary('how the senders of a webhook are known')
      .description(
        `Sets how the senders of a webhook are known, all of it at once: ${SCHEMES.join(', ')}. All but api-key need a ` +
          'secret, which is given here the first time. Secrets the new scheme cannot use are revoked. Vendors known to ' +
          'send again by themselves are refused with 503 while RabbitMQ is away (sluice sources intake changes it).'
      )
      .argument('<source>', 'slug of the webhook')
      .requiredOption('--scheme <name>', 'one of those above')
      .option('--secret', 'add a secret, read from stdin')
      .option('--generate', 'add a new secret and show it, once')
      .option('--header <name>', 'api-key and hmac: where it is')
      .option('--query <name>', 'api-key: allow it in the query, too; weaker, proxies log it')
      .option('--tolerance <time>', 'how far the time of a signature may be away, like 5m', input.duration)
      .option('--public-url <url>', 'hubspot-v3 and {url}: what senders put before the path')
      .option('--allow-from <ranges>', 'only from these addresses: 192.0.2.0/24,2001:db8::/32', input.list)
      .option('--rule <json>', 'hmac: the rule as an object, see docs/gateway.md', input.jsonObject)
      .action(async (slug: string, options: AuthOptions) => {
        if (options.secret === true && options.generate === true) {
          throw new UsageError(
            'SECRET_INVALID',
            'A secret is read with --secret or made with --generate, not both.'
          )
        }
        const { settings, auth } = settingsOf(options)
        const source = await sourceNamed(await context.sql(), slug, 'webhook')
        const { after, secret, revoked } = await save(context, source, settings, auth, options)
        await context.announce(slug)
        const { out } = context
        out.answer(
          { source: { slug, auth: after.auth, revision: after.revision }, revoked, secret: secret ?? null },
          () =>
            [
              `${slug} now knows its senders by ${options.scheme}.`,
              ...(secret === undefined ? [] : [secret])
            ].join('\n')
        )
        if (revoked.length > 0)
          out.note(`Revoked, because ${options.scheme} cannot use them: ${revoked.join(', ')}.`)
        if (after.onBrokerDown !== source.onBrokerDown)
          out.note(
            `While RabbitMQ is away it is answered 503, because ${options.scheme} sends again by itself; ` +
              `\`sluice sources intake ${slug} --on-broker-down outbox\` keeps its records here instead.`
          )
        if (secret !== undefined)
          out.note('This is the only time the secret is shown; give it to the vendor.')
      }),
    ['sluice sources auth acme-crm --scheme standard-webhooks --generate', 'a secret of ours for the vendor'],
    ['pbpaste | sluice sources auth acme-crm --scheme github --secret', 'a secret the vendor gave us'],
    [
      'pbpaste | sluice sources auth acme-crm --scheme hubspot-v3 --secret \\\n    --public-url https://hooks.example.com',
      'HubSpot signs the whole address'
    ],
    ['sluice sources auth acme-crm --scheme api-key --allow-from 192.0.2.0/24', 'API keys, from one network']
  )
}

const settingsOf = (options: AuthOptions): { settings: Record<string, unknown>; auth: ResolvedAuth } => {
  const { scheme, header, query, tolerance, publicUrl, allowFrom, rule } = options
  if (!SCHEMES.includes(scheme)) {
    throw new UsageError(
      'AUTH_INVALID',
      `No scheme "${scheme}". ${hintOf(scheme, SCHEMES, `Known: ${SCHEMES.join(', ')}.`)}`
    )
  }
  const settings = {
    ...rule,
    scheme,
    ...(header === undefined ? {} : { header }),
    ...(query === undefined ? {} : { query }),
    ...(tolerance === undefined ? {} : { toleranceSeconds: Math.round(tolerance / 1_000) }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(allowFrom === undefined ? {} : { allowFrom })
  }
  const resolution = resolveAuth(settings)
  if (resolution.ok) return { settings, auth: resolution.auth }
  throw new UsageError('AUTH_INVALID', `It cannot be used: ${resolution.problem}.`)
}

interface Saved {
  after: SourceRow
  /** A secret that was made here. */
  secret: string | undefined
  /** Labels. */
  revoked: readonly string[]
}

/** Settings and secret in one transaction: never one without the other. */
const save = async (
  { out, stdin, sealing, transaction }: Context,
  source: SourceRow,
  settings: Record<string, unknown>,
  auth: ResolvedAuth,
  { secret: isGiven = false, generate = false, scheme }: AuthOptions
): Promise<Saved> => {
  if (auth.scheme === 'api-key') {
    if (isGiven || generate) {
      throw new UsageError('SECRET_INVALID', `API keys have a command: sluice keys create ${source.slug}.`)
    }
    return { after: await transaction((tx) => update(tx, source, settings)), secret: undefined, revoked: [] }
  }
  const seal = sealing()
  const secret = isGiven || generate ? await newSecret(auth, generate, { out, stdin }) : undefined
  return transaction(async (tx) => {
    const { fit, unfit } = await unfitSecrets(tx, source, seal, auth)
    if (secret === undefined && fit.length === 0) {
      throw new CommandError(
        'SECRET_MISSING',
        `${source.slug} has no secret for ${scheme}. Give one with --secret (on stdin), or make one with --generate.`
      )
    }
    for (const { label } of unfit) await revokeSourceSecret(tx, source.id, label)
    if (secret !== undefined) await storeSecret(tx, source, seal, secret, { now: out.now })
    return {
      after: await update(tx, source, settings),
      secret: generate ? secret : undefined,
      revoked: unfit.map(({ label }) => label)
    }
  })
}

const update = async (tx: Sql, { slug }: SourceRow, auth: Record<string, unknown>): Promise<SourceRow> => {
  const after = await updateSource(tx, slug, {
    auth,
    ...(isKnownToRetry(String(auth.scheme)) ? { onBrokerDown: 'refuse' } : {})
  })
  if (after !== undefined) return after
  throw new CommandError('SOURCE_UNKNOWN', `"${slug}" was removed meanwhile.`)
}
