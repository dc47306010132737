import type { FetchSettings } from '@sluice/shared/fetch-settings'
import type { FeedFormat } from '@sluice/shared/formats'
import { readRecords, type RecordEvent } from '@sluice/shared/records'
import type { Spooled } from './spool.ts'
import { unpack } from './unpack/unpack.ts'

export interface BodyOptions {
  format: Pick<FeedFormat, 'feed'>
  settings: Pick<FetchSettings, 'charset' | 'entry'>
  maxRecordBytes: number
  /** Of the unpacked file. */
  maxBytes: number
  /** Told how many bytes of the spooled file have been read. */
  onRead?: (bytes: number) => void
}

/**
 * The records of a spooled file, as it was packed and in its charset.
 * @throws RunError `UNPACK_…` when it is packed in a way nothing can be read of
 */
export const readBody = async function* (
  { path, charset: transport }: Pick<Spooled, 'path' | 'charset'>,
  { format, settings, maxRecordBytes, maxBytes, onRead }: BodyOptions
): AsyncGenerator<RecordEvent> {
  const bytes = await unpack(path, {
    maxBytes,
    entry: settings.entry,
    ...(onRead === undefined ? {} : { onRead })
  })
  yield* readRecords(bytes, format.feed.records, {
    maxRecordBytes,
    charset: { transport, expected: settings.charset }
  })
}
