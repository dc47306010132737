import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { readAhead } from './read-ahead.ts'

/** Three items and then, if wanted, an error; says what was made and that it was let go. */
const items = (failure?: Error) => {
  const said: string[] = []
  const made = async function* (): AsyncGenerator<number> {
    try {
      for (const item of [1, 2, 3]) {
        await turn()
        said.push(`made ${item}`)
        yield item
      }
      if (failure !== undefined) throw failure
    } finally {
      said.push('let go')
    }
  }
  return { said, made: made() }
}

it('makes the next while one is worked on, and no more than that', async () => {
  const { said, made } = items()
  for await (const item of readAhead(made)) {
    for (let turns = 0; turns < 5; turns++) await turn()
    said.push(`worked on ${item}`)
  }
  expect(said).toEqual(['made 1', 'made 2', 'worked on 1', 'made 3', 'worked on 2', 'let go', 'worked on 3'])
})

it('hands over what was made ahead of a failure', async () => {
  const failure = new Error('the file is cut')
  const worked: number[] = []
  const work = async (): Promise<void> => {
    for await (const item of readAhead(items(failure).made)) {
      await turn()
      await turn()
      worked.push(item)
    }
  }
  await expect(work()).rejects.toBe(failure)
  expect(worked).toEqual([1, 2, 3])
})

it('lets go of its items when nobody wants more', async () => {
  const { said, made } = items()
  for await (const item of readAhead(made)) if (item === 1) break
  expect(said.at(-1)).toBe('let go')
})
