import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, DependencyError } from '@sluice/shared/errors'
import { CutShortError, RunError } from './errors.ts'
import type { FeedBody } from './fetch/body.ts'

/** A body of a feed on disk: its size and sha256 are known before anything of it is published. */
export interface Spooled {
  path: string
  bytes: number
  sha256: string
  /** As the server says. */
  charset?: string
  /** Why it is not the whole body. */
  cutShort?: CutShortError
}

export interface Spool {
  /** A place of its own for the bodies of one run until `work` has ended, however it does. */
  keep: <T>(name: string, work: (shelf: Shelf) => Promise<T>) => Promise<T>
  /**
   * Removes what schedulers that were killed have left; `isAlive` says whose files are still read. What cannot be
   * removed stays.
   * @throws DependencyError of `isAlive`: then nobody knows
   */
  sweep: (isAlive: (name: string) => Promise<boolean>) => Promise<Swept>
}

export interface Swept {
  removed: string[]
  failed: { name: string; problem: unknown }[]
}

export interface Shelf {
  /**
   * Writes a body, over the one that was written under this number before.
   * @throws RunError `FETCH_TOO_LARGE`, `SPOOL_FULL`
   */
  write: (number: number, body: FeedBody, maxBytes: number) => Promise<Spooled>
  /** Removes a body that is not wanted after all. */
  drop: (body: Spooled) => Promise<void>
}

const SUFFIX = '.spool'
/** How much may be written between two looks at the free space. */
const LOOK_EVERY_BYTES = 16 * 1024 * 1024

/**
 * Folders in `folder`, named `<namespace>.<name>.spool`: houses may share it. What is on the disk besides us keeps
 * `reserveBytes`.
 */
export const createSpool = async (
  folder: string,
  namespace: string,
  reserveBytes: number
): Promise<Spool> => {
  await mkdir(folder, { recursive: true })
  const prefix = `${namespace}.`
  const placeOf = (name: string): string => join(folder, `${prefix}${name}${SUFFIX}`)

  const demandRoom = async (bytes: number): Promise<void> => {
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize - bytes < reserveBytes) throw full(folder)
  }

  return {
    keep: async (name, work) => {
      const place = placeOf(name)
      await rm(place, { recursive: true, force: true })
      await mkdir(place)
      try {
        return await work({
          write: async (number, body, maxBytes) => {
            if ((body.bytesTotal ?? 0) > maxBytes) throw tooLarge(maxBytes)
            await demandRoom(body.bytesTotal ?? 0)
            const path = join(place, String(number))
            const written = await write(path, body.bytes, { maxBytes, demandRoom, folder })
            return { path, ...written, ...(body.charset === undefined ? {} : { charset: body.charset }) }
          },
          drop: ({ path }) => rm(path, { force: true })
        })
      } finally {
        await rm(place, { recursive: true, force: true })
      }
    },
    sweep: async (isAlive) => {
      const swept: Swept = { removed: [], failed: [] }
      for (const file of await readdir(folder)) {
        if (!file.startsWith(prefix) || !file.endsWith(SUFFIX)) continue
        const name = file.slice(prefix.length, -SUFFIX.length)
        try {
          if (await isAlive(name)) continue
          await rm(placeOf(name), { recursive: true, force: true })
          swept.removed.push(name)
        } catch (problem) {
          if (problem instanceof DependencyError) throw problem
          swept.failed.push({ name, problem })
        }
      }
      return swept
    }
  }
}

interface WriteOptions {
  maxBytes: number
  demandRoom: (bytes: number) => Promise<void>
  folder: string
}

const write = async (
  path: string,
  body: AsyncIterable<Buffer>,
  { maxBytes, demandRoom, folder }: WriteOptions
): Promise<Omit<Spooled, 'path'>> => {
  const hash = createHash('sha256')
  let bytes = 0
  let lookAt = LOOK_EVERY_BYTES
  let cutShort: CutShortError | undefined
  const file = await open(path, 'w')
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      if (bytes >= lookAt) {
        await demandRoom(chunk.length)
        lookAt = bytes + LOOK_EVERY_BYTES
      }
      hash.update(chunk)
      await file.writeFile(chunk)
    }
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOSPC' || codeOf(thrown) === 'EDQUOT') throw full(folder)
    if (!(thrown instanceof CutShortError)) throw thrown
    cutShort = thrown
  } finally {
    await file.close()
  }
  return { bytes, sha256: hash.digest('hex'), ...(cutShort === undefined ? {} : { cutShort }) }
}

const tooLarge = (maxBytes: number): RunError =>
  new RunError('FETCH_TOO_LARGE', `The feed is larger than ${maxBytes} bytes`)

const full = (folder: string): RunError =>
  new RunError(
    'SPOOL_FULL',
    `The disk of ${folder} is nearly full; make room, or set SCHEDULER_SPOOL_RESERVE_BYTES lower`
  )
