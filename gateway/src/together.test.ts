import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createTogether } from './together.ts'

const recorded = () => {
  const asked: (readonly number[])[] = []
  const double = createTogether(async (questions: readonly number[]) => {
    asked.push(questions)
    await turn()
    return questions.map((question) => question * 2)
  })
  return { asked, double }
}

it('asks once for everybody of a turn, and gives each its own answer', async () => {
  const { asked, double } = recorded()
  expect(await Promise.all([1, 2, 3].map(double))).toEqual([2, 4, 6])
  expect(asked).toEqual([[1, 2, 3]])
})

it('keeps those who ask while an answer is under way for the next question', async () => {
  const { asked, double } = recorded()
  const first = double(1)
  await turn()
  expect(await Promise.all([first, double(5), double(6)])).toEqual([2, 10, 12])
  expect(asked).toEqual([[1], [5, 6]])
})

it('fails everybody of a turn, and nobody of the next', async () => {
  let isDown = true
  const echo = createTogether(async (questions: readonly string[]) => {
    if (isDown) throw new Error('down')
    return questions
  })
  const lost = await Promise.allSettled([echo('a'), echo('b')])
  expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  isDown = false
  expect(await echo('c')).toBe('c')
})
