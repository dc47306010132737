import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { gunzip, isGzip } from './gzip.ts'
import { createInput, type Input } from './input.ts'
import { isZip, unzip, type Unzipped, type ZipOptions } from './zip.ts'

export interface UnpackOptions extends ZipOptions {
  /** Told how many of its own bytes have been read. */
  onRead?: (bytes: number) => void
}

const READ_BYTES = 256 * 1024

/**
 * What is in a spooled file, by its first bytes and not by its name: the file itself, the text of a gzip file, or the
 * feed in a zip archive, which may be a gzip file again. In constant memory.
 * @throws RunError `UNPACK_…` when nothing of it can be read, or it is a bomb
 * @throws FileDamage from the stream, behind what could be read
 */
export const unpack = async (path: string, options: UnpackOptions): Promise<AsyncIterable<Buffer>> => {
  const chunks = await source(path, options)
  return unpackedGzip(chunks, options.maxBytes)
}

const source = async (path: string, options: UnpackOptions): Promise<AsyncIterable<Buffer>> => {
  const { onRead = () => undefined } = options
  if (isZip(await headOf(path))) {
    const found = await unzip(path, options)
    if (found.kind === 'file') return shares(found, onRead)
  }
  return counted(createReadStream(path, { highWaterMark: READ_BYTES }), onRead)
}

const headOf = async (path: string): Promise<Buffer> => {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

const counted = async function* (
  chunks: AsyncIterable<Buffer>,
  onRead: (bytes: number) => void
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onRead(chunk.length)
    yield chunk
  }
}

/** How far an inflater has come in what is packed nobody knows: its share of the text is told. */
const shares = async function* (
  { bytes, packedBytes, unpackedBytes }: Extract<Unzipped, { kind: 'file' }>,
  onRead: (bytes: number) => void
): AsyncGenerator<Buffer> {
  let given = 0
  let told = 0
  for await (const chunk of bytes) {
    given += chunk.length
    const share = Math.round((packedBytes * Math.min(given, unpackedBytes)) / unpackedBytes)
    onRead(share - told)
    told = share
    yield chunk
  }
}

const unpackedGzip = async function* (
  chunks: AsyncIterable<Buffer>,
  maxBytes: number
): AsyncGenerator<Buffer> {
  const input = createInput(chunks)
  const head = await input.take(2)
  input.giveBack(head)
  yield* isGzip(head) ? gunzip(rest(input), maxBytes) : rest(input)
}

const rest = async function* (input: Input): AsyncGenerator<Buffer> {
  try {
    for (let chunk = await input.next(); chunk !== undefined; chunk = await input.next()) yield chunk
  } finally {
    await input.close()
  }
}
