import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { codeOf, toError } from '@sluice/shared/errors'
import { RunError } from '../errors.ts'
import type { FeedBody } from './body.ts'

const READ_BYTES = 256 * 1024

/** A feed in the local file system; the file's modification time is its Last-Modified. */
export const openFile = async (path: string): Promise<FeedBody> => {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) throw new RunError('FETCH_NOT_FOUND', `${path} is not a file`)
    return {
      bytes: read(path),
      bytesTotal: stats.size,
      lastModified: stats.mtime.toUTCString(),
      lastModifiedAt: stats.mtime
    }
  } catch (thrown) {
    throw toFetchError(thrown, path)
  }
}

/** Opened by the first who asks for a byte, so that nobody has to close what nobody reads. */
const read = async function* (path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) yield chunk as Buffer
  } catch (thrown) {
    throw toFetchError(thrown, path)
  }
}

const toFetchError = (thrown: unknown, path: string): RunError => {
  if (thrown instanceof RunError) return thrown
  const code = codeOf(thrown)
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? new RunError('FETCH_NOT_FOUND', `There is no file ${path}`, { cause: thrown })
    : new RunError('FETCH_UNREACHABLE', `${path} cannot be read: ${toError(thrown).message}`, {
        cause: thrown
      })
}
