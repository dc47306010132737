import { createHash } from 'node:crypto'
import type { PageRule } from '@sluice/shared/fetch-settings'
import { CutShortError, RunError } from '../errors.ts'
import type { Shelf, Spooled } from '../spool.ts'
import type { FeedBody, FetchRequest, FetchRules, NotModified } from './body.ts'
import { openFeed } from './open-feed.ts'
import { createPager, type ReadPage } from './pages.ts'
import { withRetries, type Patience } from './retry.ts'

/** A feed on our disk: one body, or one a page. */
export interface Downloaded extends Pick<FeedBody, 'etag' | 'lastModified' | 'lastModifiedAt'> {
  bodies: readonly Spooled[]
  bytes: number
  /** Of all bodies, one after the other. */
  sha256: string
  /** Why it is not the whole feed. */
  cutShort?: CutShortError
}

export interface DownloadOptions {
  request: FetchRequest
  rules: FetchRules
  patience: Patience
  pages: PageRule | undefined
  /** Looks into a page that was fetched, for rules that need it. */
  readPage: ReadPage
  shelf: Shelf
  /** Ends the run. */
  signal: AbortSignal
  onOpen: (body: FeedBody) => void
  onRetry: (error: unknown, delayMs: number) => void
}

/**
 * Fetches a feed, every body from its first byte and as often as it takes. What a run has of a feed whose later pages
 * cannot be had is worth reading, like the beginning of a file.
 */
export const download = async (options: DownloadOptions): Promise<Downloaded | NotModified> => {
  const { request, rules, pages, readPage, shelf } = options
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(rules.limits.timeoutMs)])
  const pager = pages === undefined ? undefined : createPager(request.address, pages)
  const bodies: Spooled[] = []
  let head: FeedBody | undefined
  let cutShort: CutShortError | undefined
  let room = rules.limits.maxBytes

  for (let address = pager?.first(); ;) {
    try {
      const wanted = address === undefined ? request : { ...request, page: address }
      const fetched = await downloadOne({ ...options, request: wanted }, deadline, {
        number: bodies.length,
        room
      })
      if ('isNotModified' in fetched) return fetched
      head ??= fetched.opened
      const { spooled, opened } = fetched
      cutShort = spooled.cutShort
      if (cutShort !== undefined) {
        bodies.push(spooled)
        break
      }
      const page = pager === undefined ? undefined : await readPage(spooled, pager.looksFor)
      if (page?.isEmpty === true && bodies.length > 0) {
        await shelf.drop(spooled)
        break
      }
      bodies.push(spooled)
      room -= spooled.bytes
      address = pager?.next(spooled, { link: opened.next, ...page })
      if (address === undefined) break
    } catch (thrown) {
      if (bodies.length === 0 || !(thrown instanceof RunError) || options.signal.aborted) throw thrown
      cutShort = new CutShortError(thrown.code, `Page ${bodies.length + 1}: ${thrown.message}`, {
        cause: thrown
      })
      break
    }
  }
  const { etag, lastModified, lastModifiedAt } = head ?? {}
  return {
    bodies,
    bytes: bodies.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: sha256Of(bodies),
    ...(cutShort === undefined ? {} : { cutShort }),
    ...(pager !== undefined || etag === undefined ? {} : { etag }),
    ...(pager !== undefined || lastModified === undefined ? {} : { lastModified }),
    ...(lastModifiedAt === undefined ? {} : { lastModifiedAt })
  }
}

const downloadOne = (
  { request, rules, patience, shelf, onOpen, onRetry }: DownloadOptions,
  signal: AbortSignal,
  { number, room }: { number: number; room: number }
): Promise<NotModified | { opened: FeedBody; spooled: Spooled }> =>
  withRetries(
    async (isLast) => {
      const closing = new AbortController()
      try {
        const opened = await openFeed(request, rules, AbortSignal.any([signal, closing.signal]))
        if ('isNotModified' in opened) return opened
        onOpen(opened)
        const spooled = await shelf.write(number, opened, room)
        if (spooled.cutShort !== undefined && !isLast && !signal.aborted) throw spooled.cutShort
        return { opened, spooled }
      } finally {
        closing.abort() // the connection; the copy is all that is needed now
      }
    },
    patience,
    { signal, onRetry }
  )

const sha256Of = (bodies: readonly Spooled[]): string => {
  const [only, ...more] = bodies
  if (only !== undefined && more.length === 0) return only.sha256
  return createHash('sha256')
    .update(bodies.map(({ sha256 }) => sha256).join())
    .digest('hex')
}
