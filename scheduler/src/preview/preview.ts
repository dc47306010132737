import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@sluice/shared/log'
import { createSealing } from '@sluice/shared/sealing'
import { nowMicros } from '@sluice/shared/time'
import { createDb, type Db } from '@sluice/prisma/client'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { createEgress } from '../fetch/egress.ts'
import { fetchForRun, settingsOf } from '../fetch-for-run.ts'
import { createBooks, type Figures } from '../ledger.ts'
import { formatOf } from '../read-spooled.ts'
import { createSpool, type Shelf } from '../spool.ts'
import type { PreviewConfig } from './config.ts'
import { rehearse, type Preview } from './rehearse.ts'

export interface PreviewProgress extends Figures {
  state: 'fetching' | 'reading'
  bytesTotal?: number
}

export interface PreviewOptions {
  config: PreviewConfig
  source: SourceRow
  /** Path of a local file that is read in place of what the feed's address has. */
  file?: string
  /** Most offers, rejections and ids that are shown. */
  limit: number
  signal: AbortSignal
  /** Called as it goes on, and waited for. */
  onProgress?: (progress: PreviewProgress) => void | Promise<void>
}

/** Nobody waits for a preview, so its statements and its one transaction may last: that of a file of gigabytes does. */
const STATEMENT_MS = 10 * 60_000
const TRANSACTION_MS = 2 * 60 * 60_000

/**
 * What the next run of a feed would do, without doing it: nothing is sent, and Postgres is as it was before.
 * @throws RunError what a run would fail with
 */
export const previewFeed = async (options: PreviewOptions): Promise<Preview> => {
  const { config } = options
  const db = createDb({
    url: config.DATABASE_URL,
    poolSize: 1,
    applicationName: 'sluice-preview',
    statementTimeoutMs: STATEMENT_MS,
    idleTransactionMs: TRANSACTION_MS
  })
  // Not in the scheduler's folder: it sweeps what belongs to no run of its own.
  const folder = await mkdtemp(join(tmpdir(), 'sluice-preview-'))
  try {
    const spool = await createSpool(folder, 'preview', config.SCHEDULER_SPOOL_RESERVE_BYTES)
    return await spool.keep('feed', (shelf) => preview(options, db, shelf))
  } finally {
    await rm(folder, { recursive: true, force: true })
    await db.close()
  }
}

const preview = async (
  { config, file, limit, signal, onProgress, ...options }: PreviewOptions,
  db: Db,
  shelf: Shelf
): Promise<Preview> => {
  const source = file === undefined ? options.source : withFile(options.source, file)
  const format = formatOf(source)
  const receivedAt = nowMicros()
  const ledger = createBooks()
  const report = async (state: PreviewProgress['state']): Promise<void> => {
    const { bytesTotal } = ledger.snapshot()
    await onProgress?.({ state, ...ledger.figures, ...(bytesTotal === undefined ? {} : { bytesTotal }) })
  }

  await report('fetching')
  const fetched = await fetchForRun(
    {
      db,
      config,
      source,
      ledger,
      signal,
      run: { id: NO_RUN, full: source.fullRequested },
      egress: createEgress(config.SCHEDULER_EGRESS_ALLOW),
      sealing: createSealing(config),
      isPreview: true,
      log: createLogger({ service: 'preview', level: 'silent' })
    },
    format,
    shelf
  )
  const onRead = (): Promise<void> => report('reading')
  return rehearse({ db, config, source, format, receivedAt, ledger, fetched, limit, signal, onRead })
}

/** An id no run has. */
const NO_RUN = '0'

/** The feed as if the file were at its address: how the file is packed and written still counts. */
const withFile = (source: SourceRow, file: string): SourceRow => {
  const { charset, entry } = settingsOf(source.fetch, source.slug)
  return {
    ...source,
    address: file,
    fetch: {
      ...(charset === undefined ? {} : { charset }),
      ...(entry === undefined ? {} : { entry })
    }
  }
}
