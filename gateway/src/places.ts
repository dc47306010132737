/** Begins work when there is a place for it. @throws when there was none in time, or what the work throws */
export type InPlace = <T>(work: () => Promise<T>) => Promise<T>

/** So many works at once; the others stand in line, and what has stood there for longer than `waitMs` is not begun. */
export const createPlaces = (places: number, waitMs: number): InPlace => {
  const line: (() => void)[] = []
  let taken = 0

  /** Whoever is first in line has the place next. */
  const leave = (): void => {
    const next = line.shift()
    if (next === undefined) taken -= 1
    else next()
  }

  const wait = async (): Promise<void> => {
    const since = performance.now()
    await new Promise<void>((resolve) => line.push(resolve))
    if (performance.now() - since > waitMs) {
      leave()
      throw new Error(`no place within ${waitMs} ms`)
    }
  }

  return async (work) => {
    if (taken < places) taken += 1
    else await wait()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
