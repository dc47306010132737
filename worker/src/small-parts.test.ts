import { describe, expect, it } from 'vitest'
import { createLru } from './lru.ts'
import { createGeneration } from './generation.ts'

describe('the memory of places', () => {
  it('keeps what was used last', () => {
    const lru = createLru<string, number>(2)
    lru.set('a', 1)
    lru.set('b', 2)
    expect(lru.get('a')).toBe(1)
    lru.set('c', 3)
    expect([lru.get('a'), lru.get('b'), lru.get('c'), lru.size]).toEqual([1, undefined, 3, 2])
  })
})

describe('a generation', () => {
  it('is asked for once, and again after it was forgotten or could not be told', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve('1'), Promise.resolve('2')]
    answers[0]?.catch(() => undefined)
    let asked = 0
    const generation = createGeneration(() => answers[asked++] ?? Promise.reject(new Error('too often')))
    await expect(generation.current()).rejects.toThrow('away')
    expect([await generation.current(), await generation.current()]).toEqual(['1', '1'])
    generation.forget()
    expect(await generation.current()).toBe('2')
  })
})
