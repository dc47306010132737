import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createCollector } from './collector.ts'

/** Batches as they are started; each ends when its `end` is called. */
const start = (options: { size: number; lingerMs: number; atOnce: number }) => {
  const batches: number[][] = []
  const ends: (() => void)[] = []
  const collector = createCollector<number>({
    ...options,
    run: (batch) => {
      batches.push([...batch])
      return new Promise((resolve) => ends.push(resolve))
    }
  })
  const end = async (index: number): Promise<void> => {
    ends[index]?.()
    await vi.advanceTimersByTimeAsync(0)
  }
  return { collector, batches, end }
}

describe('the collector', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('starts a full batch at once', () => {
    const { collector, batches } = start({ size: 2, lingerMs: 1_000, atOnce: 2 })
    for (const item of [1, 2, 3]) collector.add(item)
    expect(batches).toEqual([[1, 2]])
    expect(collector.waiting).toBe(1)
  })

  it('starts a small batch when its first item has waited long enough', async () => {
    const { collector, batches } = start({ size: 10, lingerMs: 5, atOnce: 1 })
    collector.add(1)
    await vi.advanceTimersByTimeAsync(4)
    collector.add(2)
    expect(batches).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(batches).toEqual([[1, 2]])
  })

  it('runs no more than it may, and lets what waits grow together', async () => {
    const { collector, batches, end } = start({ size: 10, lingerMs: 5, atOnce: 1 })
    collector.add(1)
    await vi.advanceTimersByTimeAsync(5)
    for (const item of [2, 3]) collector.add(item)
    await vi.advanceTimersByTimeAsync(50)
    expect(batches).toEqual([[1]])
    await end(0)
    expect(batches).toEqual([[1], [2, 3]])
    expect(collector.running).toBe(1)
  })

  it('lets what is left of a burst wait its own time', async () => {
    const { collector, batches, end } = start({ size: 2, lingerMs: 5, atOnce: 5 })
    for (const item of [1, 2, 3]) collector.add(item)
    await end(0)
    expect(batches).toEqual([[1, 2]])
    await vi.advanceTimersByTimeAsync(5)
    expect(batches).toEqual([[1, 2], [3]])
  })
})
