/** The most recently used entries, at most `capacity` of them. */
export interface Lru<K, V> {
  get: (key: K) => V | undefined
  set: (key: K, value: V) => void
  delete: (key: K) => void
  readonly size: number
}

export const createLru = <K, V>(capacity: number): Lru<K, V> => {
  const entries = new Map<K, V>() // a Map iterates in insertion order: the first key is the oldest
  return {
    get: (key) => {
      const value = entries.get(key)
      if (value !== undefined) {
        entries.delete(key)
        entries.set(key, value)
      }
      return value
    },
    set: (key, value) => {
      entries.delete(key)
      entries.set(key, value)
      for (const oldest of entries.keys()) {
        if (entries.size <= capacity) break
        entries.delete(oldest)
      }
    },
    delete: (key) => void entries.delete(key),
    get size() {
      return entries.size
    }
  }
}
