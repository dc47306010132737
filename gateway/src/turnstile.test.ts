import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTurnstile } from './turnstile.ts'

test('so many begin a turn, in the order they came', async () => {
  const begun: string[] = []
  const turnstile = createTurnstile(2)
  for (const name of ['a', 'b', 'c', 'd', 'e']) turnstile(() => begun.push(name))
  expect(begun).toEqual(['a', 'b'])
  await turn()
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
  turnstile(() => begun.push('f')) // there is no room before those who wait
  await turn()
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

test('who comes to an empty one waits for nothing, turn after turn', async () => {
  const begun: number[] = []
  const turnstile = createTurnstile(1)
  for (const number of [1, 2, 3]) {
    turnstile(() => begun.push(number))
    expect(begun).toHaveLength(number)
    await turn()
  }
})

test('who begins one may bring another', async () => {
  const begun: string[] = []
  const turnstile = createTurnstile(1)
  turnstile(() => {
    begun.push('a')
    turnstile(() => begun.push('b'))
  })
  expect(begun).toEqual(['a'])
  await turn()
  expect(begun).toEqual(['a', 'b'])
})
