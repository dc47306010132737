import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import { revokeSourceSecret, secretsOfSource } from '@sluice/prisma/tables/source-secrets'
import { updateAccess, type SourceRow } from '@sluice/prisma/tables/sources'
import { toFetchSettings, type CredentialSettings } from '@sluice/shared/fetch-settings'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'
import {
  accessSecretProblem,
  splitAddress,
  toAccess,
  withAccessOptions,
  type Access,
  type AccessOptions
} from '../feed-access.ts'
import { EVERY, sourceNamed } from '../lookup.ts'
import { readSecret } from '../secret-input.ts'
import { toSourceDocument } from '../source-view.ts'
import { storeSecret } from './secrets.ts'

/** `sluice feeds access`: who we are to the vendor's server, and how we know it. */
export const addFeedAccess = (feeds: Command, context: Context): void => {
  withExamples(
    withAccessOptions(feeds.command('access'))
      .summary('credentials, host key, pages, charset of a feed')
      .description(
        'Changes how a feed is fetched: what is given is set, the rest stays. A secret is read from stdin and stored ' +
          'sealed with the master key in SLUICE_SECRETS_KEY; the one before is revoked.'
      )
      .argument('<feed>', 'its slug')
      .option('--no-credentials', 'fetch without any, and revoke what there is')
      .option('--no-done-file', 'a file that stands still is uploaded')
      .option('--no-pages', 'the feed is one file')
      .option('--no-entry', 'the largest file of a zip archive')
      .option('--no-charset', 'the file says which it is')
      .option(
        '--from-address',
        'seal the user and password that stand in the address, and take them out of it'
      )
      .action(async (slug: string, options: AccessOptions & { fromAddress?: boolean }) => {
        const source = await sourceNamed(await context.sql(), slug, 'feed')
        const split = options.fromAddress === true ? splitAddress(source.address ?? '') : undefined
        if (options.fromAddress === true && split === undefined) {
          throw new UsageError('ACCESS_INVALID', `No user or password stands in the address of ${slug}.`)
        }
        const typed = commanderDefaultsOff(options)
        const given = split === undefined ? typed : { ...typed, basic: split.user }
        if (Object.keys(given).length === 0) {
          throw new UsageError('EDIT_EMPTY', 'Say what to change; `sluice feeds access --help` lists it.')
        }
        const access = toAccess(toFetchSettings(source.fetch) ?? {}, given)
        const secret = await secretFor(context, access.wants, split?.password)
        await context.transaction(async (tx) => {
          await keepSecret(tx, context, source, access, secret)
          const { settings } = access
          await updateAccess(tx, slug, {
            fetch: settings,
            ...(split === undefined ? {} : { address: split.address })
          })
        })
        await context.announce(slug)
        const after = await sourceNamed(await context.sql(), slug)
        context.out.answer(
          { source: toSourceDocument(after) },
          () => `${slug} is now fetched so: ${JSON.stringify(after.fetch ?? {})}`
        )
      }),
    [
      'pbpaste | sluice feeds access acme-kyero --basic sluice',
      'a user, and the password from the clipboard'
    ],
    [
      'cat id_ed25519 | sluice feeds access acme-sftp --key sluice --host-key SHA256:…',
      'SFTP with a private key; without a pinned host key a run says which one the server shows'
    ],
    ['sluice feeds access acme-kyero --from-address', 'after an update: no password stays in an address'],
    ['sluice feeds access acme-api --pages parameter:page', '?page=1, ?page=2, … until a page is empty']
  )
}

/** `--no-…` options are `true` when nobody gave them. */
const commanderDefaultsOff = (options: object): AccessOptions =>
  Object.fromEntries(
    Object.entries(options).filter(
      ([name, value]) => name !== 'fromAddress' && !(value === true && name !== 'bearer')
    )
  )

/** The secret that is wanted, from stdin unless it is known. @throws UsageError `SECRET_INVALID` */
export const secretFor = async (
  typing: Pick<Context, 'out' | 'stdin'>,
  wants: CredentialSettings | undefined,
  known?: string
): Promise<string | undefined> => {
  if (wants === undefined) return undefined
  const secret = known ?? (await readSecret(typing))
  const problem = accessSecretProblem(wants, secret)
  if (problem === undefined) return secret
  throw new UsageError('SECRET_INVALID', `The secret cannot be used: ${problem}.`)
}

/** A feed has one secret: a new one ends those before, and so does going without. */
export const keepSecret = async (
  tx: Sql,
  { out, sealing }: Pick<Context, 'out' | 'sealing'>,
  source: SourceRow,
  { settings }: Access,
  secret: string | undefined
): Promise<void> => {
  if (secret === undefined && settings.credentials !== undefined) return
  for (const { label, revokedAt } of await secretsOfSource(tx, source.id, EVERY)) {
    if (revokedAt === undefined) await revokeSourceSecret(tx, source.id, label)
  }
  if (secret !== undefined) await storeSecret(tx, source, sealing(), secret, { now: out.now })
}
