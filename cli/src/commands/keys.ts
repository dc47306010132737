import type { Command } from 'commander'
import { createApiKey, listApiKeys, revokeApiKey, type ApiKeyRow } from '@sluice/prisma/tables/api-keys'
import { createKey } from '@sluice/shared/keys'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import {
  renderCredentials,
  toCredentialDocument,
  toValidity,
  withValidity,
  type ValidityOptions
} from '../credential.ts'
import { CommandError } from '../errors.ts'
import { EVERY, sourceNamed } from '../lookup.ts'
import { toWhen } from '../when.ts'

/** `sluice keys`: what a vendor's CRM shows at the door of a webhook. */
export const addKeys = (program: Command, { out, sql, announce }: Context): void => {
  const keys = program
    .command('keys')
    .summary('API keys of webhooks')
    .description(
      'An API key opens one webhook: sent as `X-API-Key: <key>` or `Authorization: Bearer <key>`. Only a digest is ' +
        'kept. Several keys may be valid at once, so a key is replaced by making a new one first.'
    )

  withExamples(
    withValidity(
      keys
        .command('create')
        .summary('make a key; it is shown once')
        .description('Makes a key for a webhook and shows it: now, and never again.')
        .argument('<source>', 'slug of the webhook')
    ).action(async (slug: string, options: ValidityOptions) => {
      const validity = toValidity(options, out.now)
      const store = await sql()
      const source = await sourceNamed(store, slug, 'webhook')
      const { key, prefix, digest } = createKey()
      const row = await createApiKey(store, {
        sourceId: source.id,
        prefix,
        digest,
        ...validity
      })
      await announce(slug)
      out.answer({ key: { ...toKeyDocument({ ...row, sourceSlug: slug }, out.now), secret: key } }, () => key)
      out.note(
        `This is the only time the key is shown; Sluice keeps its digest. It opens POST /webhooks/${slug}.`
      )
    }),
    ['sluice keys create acme-crm', 'valid until revoked'],
    ['sluice keys create acme-crm --expires 90d', 'valid for ninety days'],
    ["sluice keys create acme-crm --json | jq -r '.key.secret'", 'for a script']
  )

  withExamples(
    keys
      .command('list')
      .summary('list keys with their last use')
      .description('Lists keys, newest first: only the start of each is known.')
      .option('--source <slug>', 'only of this webhook')
      .action(async (options: { source?: string }) => {
        const store = await sql()
        if (options.source !== undefined) await sourceNamed(store, options.source, 'webhook')
        const rows = await listApiKeys(store, {
          limit: EVERY,
          ...(options.source === undefined ? {} : { sourceSlug: options.source })
        })
        out.answer({ keys: rows.map((row) => toKeyDocument(row, out.now)) }, (screen) =>
          rows.length === 0
            ? 'No keys. `sluice keys create <source>` makes one.'
            : renderCredentials(rows, { title: 'KEY', of: ({ prefix }) => `${prefix}…` }, out.now, screen)
        )
      }),
    ['sluice keys list', 'all of them'],
    ['sluice keys list --source acme-crm', 'those of one webhook']
  )

  withExamples(
    keys
      .command('revoke')
      .summary('end a key now')
      .description('Ends a key at once and for ever. Requests with it are refused with 401.')
      .argument('<key>', 'its start, as `sluice keys list` shows it')
      .action(async (text: string) => {
        const store = await sql()
        // People paste what the list shows, ellipsis and all; a whole key must not be sent to the database.
        const prefix = text.replace(/…$/, '').slice(0, PREFIX_LENGTH)
        const known = (await listApiKeys(store, { limit: EVERY })).filter((row) => row.prefix === prefix)
        const [before, ...others] = known
        if (before === undefined) {
          throw new CommandError(
            'KEY_UNKNOWN',
            `No key starts with "${prefix}". \`sluice keys list\` shows them.`
          )
        }
        if (others.length > 0) {
          throw new CommandError(
            'KEY_AMBIGUOUS',
            `${known.length} keys start with "${prefix}"; none was revoked.`
          )
        }
        const row = (await revokeApiKey(store, String(before.id))) ?? before
        await announce(before.sourceSlug)
        out.answer({ key: toKeyDocument({ ...row, sourceSlug: before.sourceSlug }, out.now) }, () =>
          before.revokedAt === undefined
            ? `Revoked ${prefix}… of ${before.sourceSlug}.`
            : `${prefix}… of ${before.sourceSlug} was revoked ${toWhen(before.revokedAt, out.now)}.`
        )
      }),
    ['sluice keys revoke slk_Ab3dE6gH', 'the key that starts so']
  )

  withExamples(
    keys,
    ['sluice keys create acme-crm', 'a key for a webhook; shown once'],
    ['sluice keys list', 'which there are, and when each was last used'],
    ['sluice keys revoke slk_Ab3dE6gH', 'end one at once']
  )
}

const PREFIX_LENGTH = 12

type KeyRow = ApiKeyRow & { sourceSlug: string }
const toKeyDocument = (row: KeyRow, now: Date): Record<string, unknown> => ({
  prefix: row.prefix,
  ...toCredentialDocument(row, now)
})
