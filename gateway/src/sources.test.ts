import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import type { Source } from './source-store.ts'
import { createSources } from './sources.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const MINUTE_MS = 60_000

const source = (slug: string, more: Partial<Source> = {}): Source => ({
  id: 1,
  slug,
  vendor: 'acme',
  kind: 'webhook',
  format: 'sluice',
  timeZone: 'UTC',
  revision: 1,
  isPaused: false,
  onBrokerDown: 'outbox',
  onPaused: 'refuse',
  auth: { scheme: 'api-key' },
  keys: [],
  secrets: [],
  ...more
})

/** Postgres and Redis as two maps, with a clock and switches to take them away. */
const createWorld = () => {
  const listeners: (() => void)[] = []
  const world = {
    rows: new Map<string, Source>([['a', source('a')]]),
    redis: new Map<string, unknown>(),
    version: '1',
    loads: [] as string[],
    now: 1_000_000,
    isDown: false,
    hangs: false,
    /** What the rows of a source wait for. */
    slow: Promise.resolve(),
    edit: (row: Source): void => {
      world.rows.set(row.slug, row)
      world.version = `${Number(world.version) + 1}`
    },
    /** Somebody edited and said so. */
    tell: async (): Promise<void> => {
      for (const listener of listeners) listener()
      await turn()
      await turn()
    }
  }
  const answer = async <T>(value: () => T): Promise<T> => {
    if (world.hangs) await new Promise(() => undefined)
    if (world.isDown) throw new Error('postgres is away')
    return value()
  }
  const replica = () =>
    createSources({
      store: {
        load: (slug) => {
          world.loads.push(slug)
          return world.slow.then(() => answer(() => world.rows.get(slug)))
        },
        version: () => answer(() => world.version)
      },
      cache: {
        get: async <T>(key: string) => structuredClone(world.redis.get(key)) as T | undefined,
        set: async (key, value) => void world.redis.set(key, structuredClone(value)),
        setMany: async (entries) => {
          for (const [key, value] of entries) world.redis.set(key, structuredClone(value))
        },
        subscribe: async (_channel, onMessage) => void listeners.push(() => onMessage(''))
      },
      log,
      now: () => world.now,
      pollMs: 3_600_000
    })
  return { world, replica }
}

describe('looking up a source', () => {
  it('asks Postgres once, however often and however concurrently it is asked', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    const found = await Promise.all(Array.from({ length: 50 }, () => sources.find('a')))
    await sources.find('a')
    expect(found.every((each) => each?.slug === 'a')).toBe(true)
    expect(world.loads).toEqual(['a'])
    sources.close()
  })

  it('remembers a bounded number of names that do not exist', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    for (let n = 0; n < 1_001; n++) expect(await sources.find(`no-${n}`)).toBeUndefined()
    await sources.find('no-1000')
    expect(world.loads).toHaveLength(1_001)
    await sources.find('no-0') // pushed out by the thousand after it
    expect(world.loads).toHaveLength(1_002)
    sources.close()
  })

  it('sees an edit however many names somebody makes up meanwhile', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    await sources.find('a')
    world.edit(source('a', { isPaused: true }))
    await world.tell()
    const madeUp = Array.from({ length: 100 }, (_, n) => sources.find(`made-up-${n}`))
    const [oneTooMany, known] = [sources.find('one-too-many'), sources.find('a')]
    await expect(oneTooMany).rejects.toMatchObject({ code: 'SOURCES_UNAVAILABLE' })
    expect((await known)?.isPaused).toBe(true)
    await Promise.all(madeUp)
    sources.close()
  })

  it('sees an edit as soon as it is told, and a source that did not exist', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    await sources.find('a')
    await sources.find('b')
    world.edit(source('a', { isPaused: true }))
    world.edit(source('b'))
    expect((await sources.find('a'))?.isPaused).toBe(false) // nobody told yet
    await world.tell()
    expect((await sources.find('a'))?.isPaused).toBe(true)
    expect((await sources.find('b'))?.slug).toBe('b')
    sources.close()
  })

  it('takes a copy from Redis only when it was made under the current version', async () => {
    const { world, replica } = createWorld()
    const first = replica()
    await first.start()
    await first.find('a')
    const second = replica()
    await second.start()
    await second.find('a')
    expect(world.loads).toEqual(['a'])
    world.edit(source('a', { isPaused: true }))
    const third = replica()
    await third.start()
    expect((await third.find('a'))?.isPaused).toBe(true)
    expect(world.loads).toEqual(['a', 'a'])
    for (const each of [first, second, third]) each.close()
  })

  it('answers from the last known copy for ten minutes without Postgres, then refuses', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    await sources.find('a')
    world.isDown = true
    await world.tell()
    expect(sources.isUp).toBe(false)
    world.now += 10 * MINUTE_MS
    expect((await sources.find('a'))?.slug).toBe('a')
    expect(sources.isUsable).toBe(true)
    world.now += 1
    await expect(sources.find('a')).rejects.toMatchObject({ code: 'SOURCES_UNAVAILABLE', status: 503 })
    expect(sources.isUsable).toBe(false)
    world.isDown = false
    await world.tell()
    expect((await sources.find('a'))?.slug).toBe('a')
    sources.close()
  })

  it('counts the ten minutes from the last time the copy was known to be current, not from when it was made', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    await sources.find('a')
    world.now += 60 * MINUTE_MS
    await world.tell()
    world.isDown = true
    await world.tell()
    world.now += 9 * MINUTE_MS
    expect((await sources.find('a'))?.slug).toBe('a')
    sources.close()
  })

  it('lets a replica that starts in an outage answer from Redis, no older than ten minutes', async () => {
    const { world, replica } = createWorld()
    const before = replica()
    await before.start()
    await before.find('a')
    world.isDown = true
    world.now += 9 * MINUTE_MS
    const after = replica()
    await after.start()
    expect((await after.find('a'))?.slug).toBe('a')
    await expect(after.find('b')).rejects.toMatchObject({ code: 'SOURCES_UNAVAILABLE' })
    world.now += 2 * MINUTE_MS
    const late = replica()
    await late.start()
    await expect(late.find('a')).rejects.toMatchObject({ code: 'SOURCES_UNAVAILABLE' })
    for (const each of [before, after, late]) each.close()
  })

  it('does not wait for a Postgres that hangs longer than its share of the budget', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    world.hangs = true
    const startedAt = performance.now()
    await expect(sources.find('a')).rejects.toMatchObject({ code: 'SOURCES_UNAVAILABLE' })
    expect(performance.now() - startedAt).toBeLessThan(400)
    sources.close()
  })

  it('answers for an edited source from its last copy while Postgres is slow, and from the new one as soon as it is there', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    await sources.find('a')
    world.edit(source('a', { isPaused: true }))
    const row = Promise.withResolvers<void>()
    world.slow = row.promise
    await world.tell()
    expect((await sources.find('a'))?.isPaused).toBe(false) // after 250 ms, of the 800 a request has
    expect((await sources.find('a'))?.isPaused).toBe(false)
    expect(world.loads).toEqual(['a', 'a']) // one look-up goes on for all who ask
    row.resolve()
    await turn()
    expect((await sources.find('a'))?.isPaused).toBe(true)
    sources.close()
  })

  it('looks up only so many unknown names at once', async () => {
    const { world, replica } = createWorld()
    const sources = replica()
    await sources.start()
    world.hangs = true
    const results = await Promise.allSettled(Array.from({ length: 300 }, (_, n) => sources.find(`no-${n}`)))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(world.loads.length).toBeLessThanOrEqual(100)
    sources.close()
  })
})
