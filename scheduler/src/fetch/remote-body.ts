import { CutShortError } from '../errors.ts'
import type { FeedBody, FetchLimits } from './body.ts'
import { untilCutShort } from './failure.ts'
import { isSame, type RemoteFile } from './remote-file.ts'

export interface RemoteRead {
  path: string
  file: RemoteFile
  chunks: AsyncIterable<Buffer>
  look: (path: string) => Promise<RemoteFile | undefined>
  /** What the client of the server throws, by what it means. */
  explain: (thrown: unknown) => unknown
  signal: AbortSignal
  limits: FetchLimits
}

/** A file of a server as the body of a feed; what was replaced under our hands is cut short, not whole. */
export const toRemoteBody = (read: RemoteRead): FeedBody => {
  const { modifiedAt, size } = read.file
  return {
    bytes: untilCutShort(checked(read), read.signal, read.limits),
    bytesTotal: size,
    ...(modifiedAt === undefined
      ? {}
      : { lastModified: modifiedAt.toUTCString(), lastModifiedAt: modifiedAt })
  }
}

const checked = async function* ({ path, file, chunks, look, explain }: RemoteRead): AsyncGenerator<Buffer> {
  let bytes = 0
  let after: RemoteFile | undefined
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length
      yield chunk
    }
    after = await look(path)
  } catch (thrown) {
    throw explain(thrown)
  }
  if (after !== undefined && isSame(file, after) && bytes === file.size) return
  throw new CutShortError(
    'FETCH_CHANGED',
    `${path} was replaced or cut while it was read: ${bytes} bytes came of ${file.size}`
  )
}
