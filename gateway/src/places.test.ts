import { expect, it } from 'vitest'
import { createPlaces } from './places.ts'

it('begins no more at once than there are places, and the next one when one has ended, however', async () => {
  const inPlace = createPlaces(2, 10_000)
  const begun: string[] = []
  const open = (name: string) => {
    const end = Promise.withResolvers<string>()
    const work = inPlace(async () => {
      begun.push(name)
      return end.promise
    })
    return { end, work }
  }
  const [first, second, third, fourth] = [open('first'), open('second'), open('third'), open('fourth')]
  expect(begun).toEqual(['first', 'second'])
  second.end.reject(new Error('away'))
  await expect(second.work).rejects.toThrow('away')
  expect(begun).toEqual(['first', 'second', 'third'])
  for (const { end } of [first, third, fourth]) end.resolve('done')
  expect(await Promise.all([first.work, third.work, fourth.work])).toEqual(['done', 'done', 'done'])
  expect(await inPlace(async () => 'free again')).toBe('free again')
})

it('does not begin what has waited too long', async () => {
  const inPlace = createPlaces(1, -1)
  let begun = 0
  const waiting = [1, 2, 3].map(() => inPlace(async () => (begun += 1)))
  const ends = await Promise.allSettled(waiting)
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(begun).toBe(1)
})
