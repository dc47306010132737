import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import {
  createSourceSecret,
  listSourceSecrets,
  resealSourceSecret,
  revokeSourceSecret,
  secretsOfSource,
  type SourceSecretRow
} from '@sluice/prisma/tables/source-secrets'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { resolveAuth, secretProblem, type ResolvedAuth } from '@sluice/shared/auth'
import { secretContext, type Sealing } from '@sluice/shared/sealing'
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
import * as input from '../input.ts'
import { EVERY, sourceNamed } from '../lookup.ts'
import { newSecret } from '../secret-input.ts'
import { validityOf } from '../validity.ts'
import { toWhen } from '../when.ts'

interface AddOptions extends ValidityOptions {
  label?: string
  generate?: boolean
}

/** `sluice secrets`: what a vendor's requests are signed with. */
export const addSecrets = (program: Command, { out, stdin, sql, sealing, announce }: Context): void => {
  const secrets = program
    .command('secrets')
    .summary('secrets of webhooks that are signed')
    .description(
      'A secret proves a signature or is a password (sluice sources auth). It is stored sealed with the master key in ' +
        'SLUICE_SECRETS_KEY. Several may be valid at once: add the new one, let the vendor switch, revoke the old one.'
    )

  withExamples(
    withValidity(
      secrets
        .command('add')
        .summary('add a secret, from stdin or a new one')
        .description(
          'Adds a secret to a webhook. The one a vendor gave us is read from stdin; with --generate a new one is made and ' +
            'shown: now, and never again.'
        )
        .argument('<source>', 'slug of the webhook')
        .option('--generate', 'make one')
        .option('--label <name>', 'what to tell it apart by', input.label)
    ).action(async (slug: string, options: AddOptions) => {
      const { generate = false, label } = options
      const validity = toValidity(options, out.now)
      const seal = sealing()
      const store = await sql()
      const source = await sourceNamed(store, slug, 'webhook')
      const secret = await newSecret(authOf(source), generate, { out, stdin })
      const row = await storeSecret(store, source, seal, secret, {
        ...(label === undefined ? {} : { label }),
        ...validity,
        now: out.now
      })
      await announce(slug)
      const document = toSecretDocument({ ...row, sourceSlug: slug }, out.now)
      out.answer({ secret: generate ? { ...document, secret } : document }, () =>
        generate ? secret : `Added ${row.label} to ${slug}.`
      )
      if (generate) out.note(`This is the only time ${row.label} is shown; give it to the vendor.`)
    }),
    ['pbpaste | sluice secrets add acme-crm', 'the one the vendor gave us'],
    ['sluice secrets add acme-crm --generate --label 2027', 'a new one, for the vendor']
  )

  withExamples(
    secrets
      .command('list')
      .summary('list secrets with their last use')
      .description('Lists secrets, newest first; never what they are.')
      .option('--source <slug>', 'only of this webhook')
      .action(async (options: { source?: string }) => {
        const store = await sql()
        if (options.source !== undefined) await sourceNamed(store, options.source, 'webhook')
        const rows = await listSourceSecrets(store, {
          limit: EVERY,
          ...(options.source === undefined ? {} : { sourceSlug: options.source })
        })
        out.answer({ secrets: rows.map((row) => toSecretDocument(row, out.now)) }, (screen) =>
          rows.length === 0
            ? 'No secrets. `sluice sources auth <source>` sets how a webhook is signed.'
            : renderCredentials(
                rows,
                { title: 'SECRET', shrinkTo: 10, of: ({ label }) => label },
                out.now,
                screen
              )
        )
      }),
    ['sluice secrets list --source acme-crm', 'is the old one still used?']
  )

  withExamples(
    secrets
      .command('revoke')
      .summary('end a secret now')
      .description('Ends a secret at once and for ever. Requests made with it are refused with 401.')
      .argument('<source>', 'slug of the webhook')
      .argument('<label>', 'as `sluice secrets list` shows it')
      .action(async (slug: string, label: string) => {
        const store = await sql()
        const source = await sourceNamed(store, slug, 'webhook')
        const before = (await secretsOfSource(store, source.id, EVERY)).find((row) => row.label === label)
        const row = await revokeSourceSecret(store, source.id, label)
        if (row === undefined || before === undefined) {
          throw new CommandError(
            'SECRET_UNKNOWN',
            `${slug} has no secret of this label. \`sluice secrets list --source ${slug}\` shows them.`
          )
        }
        await announce(slug)
        out.answer({ secret: toSecretDocument({ ...row, sourceSlug: slug }, out.now) }, () =>
          before.revokedAt === undefined
            ? `Revoked ${label} of ${slug}.`
            : `${label} of ${slug} was revoked ${toWhen(before.revokedAt, out.now)}.`
        )
      }),
    ['sluice secrets revoke acme-crm 2026', 'after the vendor has switched']
  )

  withExamples(
    secrets
      .command('reseal')
      .summary('seal every secret with the newest master key')
      .description(
        'After a new SLUICE_SECRETS_KEY, with the old one in SLUICE_SECRETS_KEY_PREVIOUS everywhere: seals every secret ' +
          'anew. Then the old key can go. Safe to repeat.'
      )
      .action(async () => {
        const seal = sealing()
        const store = await sql()
        const rows = await everySecret(store)
        const due = rows.filter((row) => !seal.isCurrent(row.sealed))
        const unreadable: string[] = []
        for (const row of due) {
          const context = secretContext(row.sourceId)
          const secret = openOrUndefined(seal, row)
          if (secret === undefined) unreadable.push(`${row.label} of ${row.sourceSlug}`)
          else {
            const from = Uint8Array.from(row.sealed)
            await resealSourceSecret(store, { id: row.id, from, to: seal.seal(secret, context) })
          }
        }
        for (const slug of new Set(due.map(({ sourceSlug }) => sourceSlug))) await announce(slug)
        const resealed = due.length - unreadable.length
        const document = { resealed, current: rows.length - due.length, unreadable }
        const text = (): string => `Sealed ${resealed} anew; ${rows.length - due.length} were already.`
        if (unreadable.length > 0) {
          throw new CommandError('SECRETS_UNREADABLE', 'Some secrets open with none of the master keys.', {
            problems: unreadable,
            answer: { document, text }
          })
        }
        out.answer(document, text)
      }),
    ['sluice secrets reseal', 'then remove SLUICE_SECRETS_KEY_PREVIOUS']
  )

  withExamples(
    secrets,
    ['pbpaste | sluice secrets add acme-crm', 'a second secret, for a rotation'],
    ['sluice secrets list', 'which there are, and when each was last used'],
    ['sluice secrets revoke acme-crm secret-1', 'end one at once']
  )
}

/** Each costs the gateway one signature a request. */
const MAX_ACTIVE = 5

/**
 * Seals and stores a secret.
 * @throws CommandError `SECRETS_TOO_MANY` or `SECRET_EXISTS`
 */
export const storeSecret = async (
  store: Sql,
  source: SourceRow,
  sealing: Sealing,
  secret: string,
  { label, now, ...times }: { label?: string; now: Date; expiresAt?: Date; notBefore?: Date }
): Promise<SourceSecretRow> => {
  const rows = await secretsOfSource(store, source.id, EVERY)
  const active = rows.filter((row) => !['revoked', 'expired'].includes(validityOf(row, now)))
  if (active.length >= MAX_ACTIVE) {
    throw new CommandError(
      'SECRETS_TOO_MANY',
      `${source.slug} has ${active.length} secrets that count; revoke one first.`
    )
  }
  const row = await createSourceSecret(store, {
    sourceId: source.id,
    label: label ?? freeLabel(rows),
    sealed: sealing.seal(secret, secretContext(source.id)),
    ...times
  })
  if (row !== undefined) return row
  throw new CommandError('SECRET_EXISTS', `${source.slug} has a secret of this label already; give another.`)
}

/** What does not fit other settings would only make every refusal look like our fault. */
export const unfitSecrets = async (
  store: Sql,
  source: SourceRow,
  sealing: Sealing,
  auth: ResolvedAuth
): Promise<{ fit: SourceSecretRow[]; unfit: SourceSecretRow[] }> => {
  const rows = (await secretsOfSource(store, source.id, EVERY)).filter((row) => row.revokedAt === undefined)
  const fits = (row: SourceSecretRow): boolean => {
    const secret = openOrUndefined(sealing, row)
    return secret !== undefined && secretProblem(auth, secret) === undefined
  }
  const fit = rows.filter(fits)
  return { fit, unfit: rows.filter((row) => !fit.includes(row)) }
}

const openOrUndefined = (sealing: Sealing, row: SourceSecretRow): string | undefined => {
  try {
    return sealing.open(row.sealed, secretContext(row.sourceId))
  } catch {
    return undefined
  }
}

const freeLabel = (rows: readonly SourceSecretRow[]): string => {
  const taken = new Set(rows.map(({ label }) => label))
  let n = rows.length + 1
  while (taken.has(`secret-${n}`)) n++
  return `secret-${n}`
}

const PAGE = 1_000

const everySecret = async (store: Sql): Promise<(SourceSecretRow & { sourceSlug: string })[]> => {
  const rows: (SourceSecretRow & { sourceSlug: string })[] = []
  for (;;) {
    const after = rows.at(-1)?.id
    const page = await listSourceSecrets(store, { limit: PAGE, ...(after === undefined ? {} : { after }) })
    rows.push(...page)
    if (page.length < PAGE) return rows
  }
}

const authOf = (source: SourceRow): ResolvedAuth => {
  const resolution = resolveAuth(source.auth)
  if (resolution.ok) return resolution.auth
  throw new CommandError(
    'AUTH_INVALID',
    `The settings of ${source.slug} cannot be used: ${resolution.problem}. \`sluice sources auth ${source.slug}\` sets them.`
  )
}

const toSecretDocument = (
  row: SourceSecretRow & { sourceSlug: string },
  now: Date
): Record<string, unknown> => ({ label: row.label, ...toCredentialDocument(row, now) })
