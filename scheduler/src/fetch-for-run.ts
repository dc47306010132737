import { readFile } from 'node:fs/promises'
import { toError } from '@sluice/shared/errors'
import { toFetchSettings, type FetchSettings } from '@sluice/shared/fetch-settings'
import type { Logger } from '@sluice/shared/log'
import type { Sealing } from '@sluice/shared/sealing'
import type { Db } from '@sluice/prisma/client'
import { findSettledBody } from '@sluice/prisma/tables/settled-bodies'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { FetchConfig } from './config.ts'
import type { DiffOptions } from './diff.ts'
import { RunError } from './errors.ts'
import { loadCredentials, noteUse } from './feed-credentials.ts'
import type { FetchRules, Validators } from './fetch/body.ts'
import { download, type Downloaded } from './fetch/download.ts'
import type { Egress } from './fetch/egress.ts'
import { valueInJson, type ReadPage } from './fetch/pages.ts'
import { readBody, type BodyOptions } from './read-body.ts'
import type { Shelf } from './spool.ts'

export interface FetchOptions extends Pick<DiffOptions, 'run' | 'ledger'> {
  db: Pick<Db, 'sql'>
  config: FetchConfig
  source: SourceRow
  egress: Egress
  /** Absent without a master key. */
  sealing: Sealing | undefined
  /** For a preview: the server is asked for the file even if we have it, and no use of a secret is noted. */
  isPreview?: boolean
  signal: AbortSignal
  log: Logger
}

/** A page that says itself where the next one is must fit into memory. */
const MAX_JSON_PAGE_BYTES = 64 * 1024 * 1024

/**
 * Fetches the feed of a run. `unchanged`: it is the file of an earlier run of which nothing is open any more (plan §6);
 * that run's figures are noted as this one's, every record skipped.
 */
export const fetchForRun = async (
  { db, config, run, source, ledger, egress, sealing, isPreview = false, signal, log }: FetchOptions,
  format: DiffOptions['format'],
  shelf: Shelf
): Promise<Downloaded | 'unchanged'> => {
  const settings = settingsOf(source.fetch, source.slug)
  const question = {
    sourceId: source.id,
    runId: run.id,
    formatVersion: format.formatVersion,
    sourceRevision: source.revision
  }
  const settled = run.full ? undefined : await findSettledBody(db.sql, question)
  const found = await loadCredentials(db.sql, sealing, source, settings)
  if (found !== undefined && !isPreview) await noteUse(db.sql, found.secretId)
  const credentials = found?.credentials
  const validators = settings.pages === undefined && !isPreview ? toValidators(settled) : undefined
  const fetched = await download({
    request: {
      address: source.address,
      settings,
      ...(credentials === undefined ? {} : { credentials }),
      ...(validators === undefined ? {} : { validators })
    },
    rules: { egress, limits: limitsOf(config) },
    patience: { attempts: config.SCHEDULER_FETCH_ATTEMPTS, baseMs: config.SCHEDULER_FETCH_RETRY_MS },
    pages: settings.pages,
    readPage: pageReader(format, settings, config),
    shelf,
    signal,
    onOpen: ({ bytesTotal }) => {
      if (bytesTotal !== undefined) ledger.note({ bytesTotal })
    },
    onRetry: (thrown, delayMs) => {
      const { message } = toError(thrown)
      log.info({ reason: message, delayMs: Math.round(delayMs) }, 'download tried again')
    }
  })
  // Kept even when the file is the same: the server may know it by another name now.
  const { etag, lastModified } = fetched
  ledger.note({
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...('isNotModified' in fetched ? {} : { bytesTotal: fetched.bytes, bodySha256: fetched.sha256 })
  })
  const isSame = 'isNotModified' in fetched || isWholeAnd(fetched, settled?.bodySha256)
  if (settled !== undefined && isSame) {
    const { runId: unchangedSince, bodySha256, recordsSeen, duplicates } = settled
    ledger.note({ unchangedSince, bodySha256 })
    Object.assign(ledger.figures, { recordsSeen, duplicates, skipped: recordsSeen - duplicates })
    return 'unchanged'
  }
  if ('isNotModified' in fetched) throw new Error('a server cannot still have what was not asked about')
  return fetched
}

const isWholeAnd = ({ cutShort, sha256 }: Downloaded, known: string | undefined): boolean =>
  cutShort === undefined && sha256 === known

const toValidators = (known: Validators | undefined): Validators | undefined => {
  const { etag, lastModified } = known ?? {}
  if (etag === undefined && lastModified === undefined) return undefined
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified })
  }
}

export const settingsOf = (stored: unknown, slug: string): FetchSettings => {
  const settings = toFetchSettings(stored)
  if (settings !== undefined) return settings
  throw new RunError('FETCH_SETTINGS', `How ${slug} is fetched is stored in a way this release cannot read`)
}

const limitsOf = (config: FetchConfig): FetchRules['limits'] => ({
  connectTimeoutMs: config.SCHEDULER_FETCH_CONNECT_TIMEOUT_MS,
  stallTimeoutMs: config.SCHEDULER_FETCH_STALL_TIMEOUT_MS,
  timeoutMs: config.SCHEDULER_FETCH_TIMEOUT_MS,
  maxBytes: config.SCHEDULER_FETCH_MAX_BYTES,
  uploadCheckMs: config.SCHEDULER_UPLOAD_CHECK_MS
})

export const readLimitsOf = (config: FetchConfig): Pick<BodyOptions, 'maxBytes' | 'maxRecordBytes'> => ({
  maxBytes: config.SCHEDULER_FETCH_MAX_BYTES,
  maxRecordBytes: config.SCHEDULER_MAX_RECORD_BYTES
})

/** A page is read only as far as it takes to know what its rule asks. */
const pageReader =
  (format: DiffOptions['format'], settings: FetchSettings, config: FetchConfig): ReadPage =>
  async (page, looksFor) => {
    const { path, bytes } = page
    if (looksFor.kind === 'nothing') return {}
    if (looksFor.kind === 'json') {
      if (bytes <= MAX_JSON_PAGE_BYTES)
        return { value: valueInJson(await readFile(path, 'utf8'), looksFor.path) }
      throw new RunError('FETCH_PAGES', `A page is larger than ${MAX_JSON_PAGE_BYTES} bytes`)
    }
    const events = readBody(page, { format, settings, ...readLimitsOf(config) })
    for await (const event of events) {
      if (event.kind === 'record' || event.kind === 'malformed') return { isEmpty: false }
      if (event.kind === 'end') return { isEmpty: event.complete }
    }
    return { isEmpty: false }
  }
