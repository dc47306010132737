import { setTimeout as sleep } from 'node:timers/promises'
import type { UploadRule } from '@sluice/shared/fetch-settings'
import { RunError } from '../errors.ts'

/** What a server of files says of one. */
export interface RemoteFile {
  size: number
  /** Not every FTP server knows. */
  modifiedAt?: Date
}

export interface UploadOptions {
  path: string
  rule: UploadRule | undefined
  /** `undefined` when there is no such file. */
  look: (path: string) => Promise<RemoteFile | undefined>
  checkMs: number
  signal: AbortSignal
}

const MAX_LOOKS = 6

/**
 * The file once its upload is finished: nobody may read half of what a vendor is still sending. Without a rule it must
 * stand still. An empty file is one whose upload has just begun.
 * @throws RunError `FETCH_NOT_FOUND`, `FETCH_UPLOADING`
 */
export const untilUploaded = async (options: UploadOptions): Promise<RemoteFile> =>
  options.rule?.rule === 'done-file'
    ? announced(options, options.rule.path.replaceAll('*', options.path))
    : standingStill(options)

const standingStill = async ({ path, look, checkMs, signal }: UploadOptions): Promise<RemoteFile> => {
  let before = await found(path, look)
  for (let looks = 1; looks < MAX_LOOKS; looks++) {
    await sleep(checkMs, undefined, { signal })
    const now = await found(path, look)
    if (now.size > 0 && isSame(before, now)) return now
    before = now
  }
  throw new RunError(
    'FETCH_UPLOADING',
    before.size === 0
      ? `${path} is empty; its upload has not begun, or failed`
      : `${path} was still changing after ${MAX_LOOKS} looks; it is fetched when it stands still`
  )
}

const announced = async ({ path, look }: UploadOptions, donePath: string): Promise<RemoteFile> => {
  const done = await look(donePath)
  if (done === undefined) {
    throw new RunError('FETCH_UPLOADING', `${donePath}, which says that the upload is finished, is not there`)
  }
  const file = await found(path, look)
  // A file that stayed behind from the day before announces nothing.
  if (done.modifiedAt === undefined || file.modifiedAt === undefined || done.modifiedAt >= file.modifiedAt)
    return file
  throw new RunError('FETCH_UPLOADING', `${donePath} is older than the file it is to announce`)
}

const found = async (path: string, look: UploadOptions['look']): Promise<RemoteFile> => {
  const file = await look(path)
  if (file !== undefined) return file
  throw new RunError('FETCH_NOT_FOUND', `There is no file ${path} on the server`)
}

export const isSame = (a: RemoteFile, b: RemoteFile): boolean =>
  a.size === b.size && a.modifiedAt?.getTime() === b.modifiedAt?.getTime()
