import { CutShortError } from '../errors.ts'
import type { FeedBody, FetchLimits } from './body.ts'
import { untilCutShort } from './failure.ts'
import { isSame, type RemoteFile } from './remote-file.ts'

export interface RemoteRead {
  path: string
  file: RemoteFile
  chunks: AsyncIterable<Buffer>
  look: (path: string) => Promise<RemoteFile | undefined>
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

const checked = async function* ({ path, file, chunks, look }: RemoteRead): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    yield chunk
  }
  const after = await look(path)
  if (after !== undefined && isSame(file, after) && bytes === file.size) return
  throw new CutShortError(
    'FETCH_CHANGED',
    `${path} was replaced or cut while it was read: ${bytes} bytes came of ${file.size}`
  )
}
