import { bounded } from '@sluice/shared/bounded'
import { SOURCES_CHANNEL, type Cache } from '@sluice/shared/cache'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { Refusal } from './errors.ts'
import { LOOKUP_MS } from './limits.ts'
import type { Source, SourceStore } from './source-store.ts'
import { createVersionWatch } from './version-watch.ts'

/**
 * Sources with their keys and sealed secrets, answered from memory, then Redis, then Postgres.
 *
 * A copy counts while it was made under the current version (`version-watch.ts`), which is looked at every second and
 * whenever somebody says that something changed. When Postgres cannot be asked, the last known copy counts for
 * another ten minutes; then a request is refused with 503, because a key may have been revoked meanwhile.
 */
export interface Sources {
  /**
   * @returns the source, or `undefined` when there is none of that name
   * @throws Refusal SOURCES_UNAVAILABLE
   */
  find: (slug: string) => Promise<Source | undefined>
  /** Whether Postgres answers. */
  readonly isUp: boolean
  /** Whether anything is known, so that a request can be answered at all. */
  readonly isUsable: boolean
  start: () => Promise<void>
  close: () => void
}

export interface SourcesOptions {
  store: SourceStore
  cache: Pick<Cache, 'get' | 'set' | 'setMany' | 'subscribe'>
  log: Logger
  now?: () => number
  pollMs?: number
}

interface Copy {
  /** Absent: there is no source of this name. */
  source?: Source
  /** The token under which it was made. */
  version?: string | undefined
  /** When it was last known to be current, in epoch milliseconds. */
  knownAt: number
}

/** Moves with the shape of `Source`: a copy of another release is no copy. */
const SHAPE = 3
const cacheKey = (slug: string): string => `source.${SHAPE}:${slug}`

const LAST_KNOWN_MS = 10 * 60_000
/** How often what is in memory is written to Redis again, so that a replica that starts in an outage finds it. */
const SHARE_EVERY_MS = 60_000
const MAX_KNOWN = 10_000
/** Names that do not exist come from people who guess: few are remembered, and few are looked up at once. */
const MAX_UNKNOWN = 1_000
const MAX_LOADING = 100

export const createSources = ({ store, cache, log, now = Date.now, pollMs }: SourcesOptions): Sources => {
  const known = new Map<string, Copy>()
  const unknown = new Map<string, Copy>()
  const loading = new Map<string, Promise<Copy>>()
  let sharedAt = 0

  const watch = createVersionWatch({
    read: store.version,
    log,
    now,
    ...(pollMs === undefined ? {} : { everyMs: pollMs }),
    onSeen: (seen) => {
      if (seen !== watch.version) keepAges()
      else if (now() - sharedAt > SHARE_EVERY_MS) share()
    }
  })

  const isCurrent = (copy: Copy): boolean => copy.version !== undefined && copy.version === watch.version
  const knownAt = (copy: Copy): number =>
    isCurrent(copy) ? Math.max(copy.knownAt, watch.seenAt) : copy.knownAt
  const isLastKnown = (copy: Copy): boolean => now() - knownAt(copy) <= LAST_KNOWN_MS

  /** The version is about to move: from here on, these copies are as old as their last confirmation. */
  const keepAges = (): void => {
    for (const copies of [known, unknown]) for (const copy of copies.values()) copy.knownAt = knownAt(copy)
  }

  const share = (): void => {
    sharedAt = now()
    const copies = [...known].filter(([, copy]) => isCurrent(copy))
    const entries = copies.map(
      ([slug, copy]) => [cacheKey(slug), { ...copy, knownAt: knownAt(copy) }] as const
    )
    void cache.setMany(entries, LAST_KNOWN_MS / 1000)
  }

  const remember = (slug: string, copy: Copy): Copy => {
    const isKnown = copy.source !== undefined
    const [into, outOf, limit] = isKnown ? [known, unknown, MAX_KNOWN] : [unknown, known, MAX_UNKNOWN]
    outOf.delete(slug)
    into.delete(slug)
    const [oldest] = into.keys()
    if (into.size >= limit && oldest !== undefined) into.delete(oldest)
    into.set(slug, copy)
    return copy
  }

  const load = async (slug: string): Promise<Copy> => {
    // The version is taken before the rows: the rows are at least as new as it says.
    const { version } = watch
    const shared = await cache.get<Copy>(cacheKey(slug))
    if (shared?.source !== undefined && (watch.isUp ? isCurrent(shared) : isLastKnown(shared))) {
      return remember(slug, shared)
    }
    const startedAt = now()
    const source = await store.load(slug)
    const copy = { ...(source === undefined ? {} : { source }), version, knownAt: startedAt }
    if (source !== undefined) void cache.set(cacheKey(slug), copy, LAST_KNOWN_MS / 1000)
    return remember(slug, copy)
  }

  /** One load a slug at a time, however many ask; it goes on when those who asked have given up. */
  const loadOnce = (slug: string): Promise<Copy> => {
    const underWay = loading.get(slug)
    if (underWay !== undefined) return underWay
    // A name we know is looked up all the same: whoever makes names up must not keep a revoked key alive.
    if (loading.size >= MAX_LOADING && !known.has(slug))
      return Promise.reject(new Error('too many sources are being looked up'))
    const started = load(slug).finally(() => loading.delete(slug))
    started.catch(() => undefined) // those who asked hear of it; the one who gave up does not
    loading.set(slug, started)
    return started
  }

  return {
    find: async (slug) => {
      const copy = known.get(slug) ?? unknown.get(slug)
      if (copy !== undefined && isLastKnown(copy) && (isCurrent(copy) || !watch.isUp)) return copy.source
      try {
        const loaded = await bounded(loadOnce(slug), LOOKUP_MS, 'looking up the source')
        return loaded.source
      } catch (cause) {
        if (copy !== undefined && isLastKnown(copy)) return copy.source
        log.warn({ err: toError(cause), source: slug }, 'source could not be looked up')
        throw new Refusal(
          'SOURCES_UNAVAILABLE',
          'The source cannot be looked up right now. Nothing was stored; send the same request again.',
          { cause }
        )
      }
    },
    get isUp() {
      return watch.isUp
    },
    get isUsable() {
      return watch.isUp || [...known.values()].some(isLastKnown)
    },
    start: async () => {
      await cache.subscribe(SOURCES_CHANNEL, () => void watch.look())
      await watch.start()
    },
    close: watch.close
  }
}
