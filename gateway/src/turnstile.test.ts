import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTurnstile } from './turnstile.ts'

const crm = {}

test('so many begin a turn, in the order they came', async () => {
  const begun: string[] = []
  const turnstile = createTurnstile({ aTurn: 2, mostWaiting: 10 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) turnstile.enter(crm, () => begun.push(name))
  expect(begun).toEqual(['a', 'b'])
  await turn()
  expect(begun).toEqual(['a', 'b']) // the turn they began in has only now ended
  await turn()
  expect(begun).toEqual(['a', 'b', 'c', 'd'])
  turnstile.enter(crm, () => begun.push('f')) // there is no room before those who wait
  expect(turnstile.waiting).toBe(2)
  await turn()
  expect(begun).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(turnstile.waiting).toBe(0)
})

test('who comes to an empty one waits for nothing, turn after turn', async () => {
  const begun: number[] = []
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 10 })
  for (const number of [1, 2, 3]) {
    turnstile.enter(crm, () => begun.push(number))
    expect(begun).toHaveLength(number)
    await turn()
    await turn()
  }
})

test('who begins one may bring another', async () => {
  const begun: string[] = []
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 10 })
  turnstile.enter(crm, () => {
    begun.push('a')
    turnstile.enter(crm, () => begun.push('b'))
  })
  expect(begun).toEqual(['a'])
  await turn()
  await turn()
  expect(begun).toEqual(['a', 'b'])
})

test('one of each begins after the other, however many one of them brought', async () => {
  const begun: string[] = []
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 10 })
  const [flood, other] = [{}, {}]
  for (const name of ['f1', 'f2', 'f3', 'f4']) turnstile.enter(flood, () => begun.push(name))
  turnstile.enter(other, () => begun.push('o1'))
  turnstile.enter(crm, () => begun.push('c1'))
  turnstile.enter(other, () => begun.push('o2'))
  while (turnstile.waiting > 0) await turn()
  expect(begun).toEqual(['f1', 'f2', 'o1', 'c1', 'f3', 'o2', 'f4'])
})

test('with a long line only who has none there is taken, until it has room', async () => {
  const begun: number[] = []
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 2 })
  const enter = (number: number): boolean => turnstile.enter(crm, () => begun.push(number))
  expect([1, 2, 3, 4].map(enter)).toEqual([true, true, true, false])
  expect(turnstile.enter({}, () => begun.push(0))).toBe(true)
  while (turnstile.waiting > 0) await turn()
  expect(enter(5)).toBe(true)
  while (begun.length < 5) await turn()
  expect(begun).toEqual([1, 2, 0, 3, 5])
})
