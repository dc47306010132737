/** Gathers single items into batches: full ones at once, others after a short wait, few at a time. */
export interface Collector<T> {
  add: (item: T) => void
  /** Items not yet in a batch. */
  readonly waiting: number
  /** Batches under way. */
  readonly running: number
}

export interface CollectorOptions<T> {
  /** Most items in a batch. */
  size: number
  /** How long the first item of a batch waits for company. */
  lingerMs: number
  /** Batches under way at once; more wait, and grow while they do. */
  atOnce: number
  /** Takes a batch; must not reject. */
  run: (batch: readonly T[]) => Promise<void>
}

export const createCollector = <T>({ size, lingerMs, atOnce, run }: CollectorOptions<T>): Collector<T> => {
  const items: T[] = []
  let running = 0
  let timer: NodeJS.Timeout | undefined
  let isDue = false

  const launch = (): void => {
    while (running < atOnce && (items.length >= size || (isDue && items.length > 0))) {
      const batch = items.splice(0, size)
      isDue = false
      running += 1
      void run(batch).finally(() => {
        running -= 1
        launch()
      })
    }
    if (items.length === 0) {
      clearTimeout(timer)
      timer = undefined
      isDue = false
    } else if (timer === undefined && !isDue) {
      timer = setTimeout(() => {
        timer = undefined
        isDue = true
        launch()
      }, lingerMs)
    }
  }

  return {
    add: (item) => {
      items.push(item)
      launch()
    },
    get waiting() {
      return items.length
    },
    get running() {
      return running
    }
  }
}
