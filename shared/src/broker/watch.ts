/** Waits for conditions that hold only after something has moved. */
export interface Watch {
  /** Something moved. */
  look: () => void
  /** Whether the condition holds, now or within the time. */
  until: (condition: () => boolean, timeoutMs: number) => Promise<boolean>
}

export const createWatch = (): Watch => {
  const watchers = new Set<() => void>()
  return {
    look: () => {
      for (const watcher of watchers) watcher()
    },
    until: (condition, timeoutMs) => {
      if (condition()) return Promise.resolve(true)
      return new Promise((resolve) => {
        const settle = (held: boolean): void => {
          clearTimeout(timer)
          watchers.delete(watcher)
          resolve(held)
        }
        const watcher = (): void => {
          if (condition()) settle(true)
        }
        const timer = setTimeout(() => settle(false), timeoutMs)
        watchers.add(watcher)
      })
    }
  }
}
