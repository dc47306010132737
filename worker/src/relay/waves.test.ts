import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wavesOf } from './waves.ts'

const change = (externalId: string, seq: number) => ({ vendor: 'costa', externalId, seq })

test('a wave ends before the second change of an offer', () => {
  const changes = [change('a', 1), change('b', 2), change('a', 3), change('c', 4), change('a', 5)]
  expect(wavesOf(changes).map((wave) => wave.map(({ seq }) => seq))).toEqual([[1, 2], [3, 4], [5]])
  expect(wavesOf([])).toEqual([])
})

test('the same id of another vendor is another offer', () => {
  expect(wavesOf([change('a', 1), { ...change('a', 2), vendor: 'brava' }])).toHaveLength(1)
})

test('nothing is lost or reordered, and no wave holds an offer twice', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 50 }), (ids) => {
      const changes = ids.map(change)
      const waves = wavesOf(changes)
      expect(waves.flat()).toEqual(changes)
      for (const wave of waves)
        expect(new Set(wave.map(({ externalId }) => externalId)).size).toBe(wave.length)
    })
  )
})
