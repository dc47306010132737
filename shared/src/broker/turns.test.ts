import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

test('tasks run one after another, also after one that failed', async () => {
  const inTurn = createTurns()
  const seen: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = inTurn(async () => {
    seen.push('first starts')
    await gate.promise
    seen.push('first ends')
    throw new Error('failed')
  })
  const second = inTurn(async () => seen.push('second'))
  gate.resolve()
  await expect(first).rejects.toThrow('failed')
  await second
  expect(seen).toEqual(['first starts', 'first ends', 'second'])
})
