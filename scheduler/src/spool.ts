import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CutShortError, RunError } from './errors.ts'
import type { FeedBody } from './fetch/body.ts'

/** A feed on disk: its size and sha256 are known before anything of it is published. */
export interface Spooled {
  path: string
  bytes: number
  sha256: string
  /** Why it is not the whole feed. */
  cutShort?: CutShortError
}

export interface Spool {
  /**
   * Keeps `body` in a file of its own until `work` has ended, however it does.
   * @throws RunError `FETCH_TOO_LARGE`
   */
  keep: <T>(
    name: string,
    body: FeedBody,
    maxBytes: number,
    work: (spooled: Spooled) => Promise<T>
  ) => Promise<T>
  /** Removes what schedulers that were killed have left; `isAlive` says whose files are still read. */
  sweep: (isAlive: (name: string) => Promise<boolean>) => Promise<string[]>
}

const SUFFIX = '.spool'

/** Files in `folder`, named `<namespace>.<name>.spool`: houses may share a folder. */
export const createSpool = async (folder: string, namespace: string): Promise<Spool> => {
  await mkdir(folder, { recursive: true })
  const prefix = `${namespace}.`
  const fileOf = (name: string): string => join(folder, `${prefix}${name}${SUFFIX}`)

  return {
    keep: async (name, body, maxBytes, work) => {
      if ((body.bytesTotal ?? 0) > maxBytes) throw tooLarge(maxBytes)
      const path = fileOf(name)
      try {
        return await work({ path, ...(await write(path, body.bytes, maxBytes)) })
      } finally {
        await rm(path, { force: true })
      }
    },
    sweep: async (isAlive) => {
      const left: string[] = []
      for (const file of await readdir(folder)) {
        if (!file.startsWith(prefix) || !file.endsWith(SUFFIX)) continue
        const name = file.slice(prefix.length, -SUFFIX.length)
        if (await isAlive(name)) continue
        await rm(fileOf(name), { force: true })
        left.push(name)
      }
      return left
    }
  }
}

const write = async (
  path: string,
  body: AsyncIterable<Buffer>,
  maxBytes: number
): Promise<Omit<Spooled, 'path'>> => {
  const hash = createHash('sha256')
  let bytes = 0
  let cutShort: CutShortError | undefined
  const file = await open(path, 'w')
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(maxBytes)
      hash.update(chunk)
      await file.writeFile(chunk)
    }
  } catch (thrown) {
    if (!(thrown instanceof CutShortError)) throw thrown
    cutShort = thrown
  } finally {
    await file.close()
  }
  return { bytes, sha256: hash.digest('hex'), ...(cutShort === undefined ? {} : { cutShort }) }
}

const tooLarge = (maxBytes: number): RunError =>
  new RunError('FETCH_TOO_LARGE', `The feed is larger than ${maxBytes} bytes`)
