import type { Db } from '@sluice/prisma/client'
import { resolveLocations, type Place } from '@sluice/prisma/tables/locations'
import type { Cache } from '@sluice/shared/cache'
import { createLru } from './lru.ts'

/** Places → ids. Memory first, then Redis, then Postgres; a place that is being asked for is not asked for twice. */
export interface Locations {
  /** Ids by the places' keys. Throws what Postgres throws. */
  resolve: (places: readonly Place[]) => Promise<ReadonlyMap<string, number>>
  /** The ids known for these keys were wrong: ask Postgres next time. */
  forget: (keys: readonly string[]) => Promise<void>
}

export interface LocationsDeps {
  db: Pick<Db, 'sql'>
  cache: Cache
  /** Changes with the table the ids belong to, so that a new database never meets the ids of an old one. */
  generation: () => Promise<string>
}

/** 10,000 places are a large country's towns; about 2 MB. */
const MEMORY_PLACES = 10_000
const REDIS_TTL_SECONDS = 24 * 3_600

export const createLocations = ({ db, cache, generation }: LocationsDeps): Locations => {
  // Under the same names as in Redis: what another table's ids were called is never asked for again.
  const memory = createLru<string, number>(MEMORY_PLACES)
  const underway = new Map<string, Promise<unknown>>()

  const naming = async (): Promise<(key: string) => string> => {
    const current = await generation()
    return (key) => `location:${current}:${key}`
  }

  const fetchAll = async (places: readonly Place[], nameOf: (key: string) => string): Promise<void> => {
    const cached = await cache.getMany<number>(places.map(({ key }) => nameOf(key)))
    const missing: Place[] = []
    for (const [index, place] of places.entries()) {
      const id = cached[index]
      if (typeof id === 'number') memory.set(nameOf(place.key), id)
      else missing.push(place)
    }
    if (missing.length === 0) return
    const ids = await resolveLocations(db.sql, missing)
    const named = [...ids].map(([key, id]) => [nameOf(key), id] as const)
    for (const [name, id] of named) memory.set(name, id)
    await cache.setMany(named, REDIS_TTL_SECONDS)
  }

  return {
    resolve: async (places) => {
      const nameOf = await naming()
      const wanted = new Map(places.map((place) => [place.key, place]))
      const found = new Map<string, number>()
      const take = (): void => {
        for (const key of wanted.keys()) {
          const id = memory.get(nameOf(key))
          if (id === undefined) continue
          found.set(key, id)
          wanted.delete(key)
        }
      }
      take()
      // Somebody else's question may fail over a place that is not ours: whatever it leaves open we ask ourselves.
      await Promise.allSettled([...wanted.keys()].flatMap((key) => underway.get(key) ?? []))
      take()
      if (wanted.size > 0) {
        const asked = [...wanted.values()]
        const answer = fetchAll(asked, nameOf)
        for (const { key } of asked) underway.set(key, answer)
        try {
          await answer
        } finally {
          for (const { key } of asked) if (underway.get(key) === answer) underway.delete(key)
        }
        take()
      }
      return found
    },
    forget: async (keys) => {
      if (keys.length === 0) return
      const names = keys.map(await naming())
      for (const name of names) memory.delete(name)
      await cache.del(...names)
    }
  }
}
