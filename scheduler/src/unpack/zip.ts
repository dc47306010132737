import { crc32 } from 'node:zlib'
import { toError } from '@sluice/shared/errors'
import { FileDamage } from '@sluice/shared/records'
import { openPromise, type Entry, type ZipFile } from 'yauzl'
import { RunError } from '../errors.ts'
import { chunksOf } from '../fetch/chunks.ts'
import { toDamage } from './gzip.ts'
import { createReason } from './reason.ts'

/** An empty archive begins with the record others end with. */
export const isZip = (head: Buffer): boolean =>
  head[0] === 0x50 &&
  head[1] === 0x4b &&
  ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))

export interface ZipOptions {
  /** Name of the file in it, `*` standing for anything; without one the largest file is the feed. */
  entry?: string | undefined
  maxBytes: number
}

/** More than anybody packs beside a feed: the photos of every offer. */
const MAX_ENTRIES = 100_000
const STORED = 0
const DEFLATED = 8

/** What a zip archive turned out to be. */
export type Unzipped =
  | { kind: 'file'; bytes: AsyncIterable<Buffer>; packedBytes: number; unpackedBytes: number }
  | { kind: 'workbook' }

/**
 * Looks for the feed in a zip archive, ZIP64 included. Nothing is written anywhere under the names in it; an archive
 * with a name that leads out of its folder is refused all the same, for what else it may be up to. A spreadsheet is a
 * zip archive as well, and stays whole.
 * @throws RunError `UNPACK_DAMAGED`, `UNPACK_PATH`, `UNPACK_ENTRY`, `UNPACK_ENTRIES`, `UNPACK_ENCRYPTED`, `UNPACK_METHOD`
 */
export const unzip = async (path: string, options: ZipOptions): Promise<Unzipped> => {
  const zip = await opened(path)
  try {
    const found = await findEntry(zip, options.entry)
    if (found === 'workbook') {
      zip.close()
      return { kind: 'workbook' }
    }
    assertReadable(found)
    const { compressedSize: packedBytes, uncompressedSize: unpackedBytes } = found
    return { kind: 'file', bytes: read(zip, found, options.maxBytes), packedBytes, unpackedBytes }
  } catch (thrown) {
    zip.close()
    throw thrown
  }
}

const opened = async (path: string): Promise<ZipFile> => {
  try {
    return await openPromise(path, { lazyEntries: true, autoClose: false, strictFileNames: true })
  } catch (cause) {
    throw damaged(cause)
  }
}

const findEntry = async (zip: ZipFile, name: string | undefined): Promise<Entry | 'workbook'> => {
  const isWanted = matcher(name)
  let largest: Entry | undefined
  let entries = 0
  try {
    for await (const entry of zip.eachEntry()) {
      if (++entries > MAX_ENTRIES) {
        throw new RunError('UNPACK_ENTRIES', `There are more than ${MAX_ENTRIES} files in the zip archive`)
      }
      if (entry.fileName === '[Content_Types].xml') return 'workbook'
      if (!isFile(entry) || !isWanted(entry.fileName)) continue
      if (largest === undefined || entry.uncompressedSize > largest.uncompressedSize) largest = entry
    }
  } catch (thrown) {
    if (thrown instanceof RunError) throw thrown
    const { message } = toError(thrown)
    if (!/relative path|absolute path|invalid characters in fileName/.test(message)) throw damaged(thrown)
    throw new RunError('UNPACK_PATH', 'A file in the zip archive has a name that leads out of it', {
      cause: thrown
    })
  }
  if (largest !== undefined) return largest
  throw new RunError(
    'UNPACK_ENTRY',
    name === undefined
      ? 'There is no file in the zip archive'
      : `There is no file "${name}" among the ${entries} in the zip archive`
  )
}

/** What a Mac packs beside every file is none. */
const isFile = ({ fileName }: Entry): boolean => !fileName.endsWith('/') && !fileName.startsWith('__MACOSX/')

const matcher = (name: string | undefined): ((fileName: string) => boolean) => {
  if (name === undefined) return () => true
  const parts = name.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
  const pattern = new RegExp(`^${parts.join('.*')}$`, 'is')
  return (fileName) => pattern.test(fileName)
}

const assertReadable = (entry: Entry): void => {
  if (entry.isEncrypted()) {
    throw new RunError(
      'UNPACK_ENCRYPTED',
      'The file in the zip archive is encrypted; ask for it without a password'
    )
  }
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw new RunError(
      'UNPACK_METHOD',
      `The file in the zip archive is compressed by method ${entry.compressionMethod}; ask for Deflate`
    )
  }
}

const read = async function* (zip: ZipFile, entry: Entry, maxBytes: number): AsyncGenerator<Buffer> {
  const reason = createReason({ area: 'UNPACK', maxBytes })
  reason.packed(entry.compressedSize)
  let sum = 0
  try {
    for await (const chunk of chunksOf(await zip.openReadStreamPromise(entry))) {
      reason.unpacked(chunk.length)
      sum = crc32(chunk, sum)
      yield chunk
    }
  } catch (thrown) {
    const damage = toDamage(thrown)
    if (damage !== thrown || thrown instanceof RunError) throw damage
    throw new FileDamage('UNPACK_DAMAGED', `the zip archive is damaged: ${toError(thrown).message}`, {
      cause: thrown
    })
  } finally {
    zip.close()
  }
  if (sum !== entry.crc32) {
    throw new FileDamage('UNPACK_DAMAGED', 'the file in the zip archive is not what its checksum says')
  }
}

const damaged = (cause: unknown): RunError =>
  new RunError('UNPACK_DAMAGED', `The zip archive is damaged or cut short: ${toError(cause).message}`, {
    cause
  })
