import type { Db } from '@sluice/prisma/client'
import { findSources, sourcesVersion } from '@sluice/prisma/tables/sources'
import { SOURCES_CHANNEL, type Cache } from '@sluice/shared/cache'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'

/** What the worker needs to know of a source. */
export interface SourceSettings {
  id: number
  slug: string
  vendorId: number
  vendorSlug: string
  /** IANA zone of the wall-clock dates inside its records. */
  timeZone: string
}

/** Settings of sources, which rarely change: memory, then Redis, then Postgres. */
export interface Sources {
  /** By slug; a slug that does not exist is absent. Throws what Postgres throws. */
  find: (slugs: readonly string[]) => Promise<ReadonlyMap<string, SourceSettings>>
  /** Looks for edits now and then every second, and whenever the channel `sources` speaks. */
  watch: () => Promise<void>
  stop: () => void
}

export interface SourcesDeps {
  db: Pick<Db, 'sql'>
  cache: Cache
  log: Logger
  pollMs?: number
}

const DEFAULT_POLL_MS = 1_000
const REDIS_TTL_SECONDS = 600

export const createSources = ({ db, cache, log, pollMs = DEFAULT_POLL_MS }: SourcesDeps): Sources => {
  const memory = new Map<string, SourceSettings>()
  // Every copy is filed under the version at which it was read: an edit moves the version and leaves old copies behind.
  let version: string | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  const refresh = async (): Promise<void> => {
    try {
      const current = await sourcesVersion(db.sql)
      if (current !== version) memory.clear()
      version = current
    } catch (thrown) {
      log.debug({ err: toError(thrown) }, 'sources could not be polled')
    }
  }

  const fetchAll = async (slugs: readonly string[]): Promise<SourceSettings[]> => {
    const readAt = version
    const cached =
      readAt === undefined
        ? []
        : await cache.getMany<SourceSettings>(slugs.map((slug) => keyOf(readAt, slug)))
    const known = cached.filter((settings) => settings !== undefined)
    const missing = slugs.filter((_, index) => cached[index] === undefined)
    const rows = missing.length === 0 ? [] : (await findSources(db.sql, missing)).map(settingsOf)
    if (readAt !== undefined) {
      await cache.setMany(
        rows.map((row) => [keyOf(readAt, row.slug), row] as const),
        REDIS_TTL_SECONDS
      )
      if (readAt === version) for (const settings of [...known, ...rows]) memory.set(settings.slug, settings)
    }
    return [...known, ...rows]
  }

  return {
    find: async (slugs) => {
      const found = new Map<string, SourceSettings>()
      const missing = new Set<string>()
      for (const slug of slugs) {
        const settings = memory.get(slug)
        if (settings === undefined) missing.add(slug)
        else found.set(slug, settings)
      }
      if (missing.size > 0)
        for (const settings of await fetchAll([...missing])) found.set(settings.slug, settings)
      return found
    },
    watch: async () => {
      await cache.subscribe(SOURCES_CHANNEL, () => void refresh())
      await refresh()
      const poll = (): void => {
        if (isStopped) return
        timer = setTimeout(() => void refresh().finally(poll), pollMs)
        timer.unref()
      }
      poll()
    },
    stop: () => {
      isStopped = true
      clearTimeout(timer)
    }
  }
}

const keyOf = (version: string, slug: string): string => `worker-source:${version}:${slug}`

const settingsOf = ({ id, slug, vendorId, vendorSlug, timeZone }: SourceSettings): SourceSettings => ({
  id,
  slug,
  vendorId,
  vendorSlug,
  timeZone
})
