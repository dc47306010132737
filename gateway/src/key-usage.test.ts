import { expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { createKeyUsage } from './key-usage.ts'

it('writes many uses at once, and keeps them when it cannot', async () => {
  const written: number[][] = []
  let isDown = true
  const usage = createKeyUsage({
    log: createLogger({ service: 'test', level: 'silent' }),
    touch: async (used) => {
      if (isDown) throw new Error('postgres is away')
      written.push(used.map(({ id }) => id))
    }
  })
  for (let n = 0; n < 1_000; n++) usage.note(n % 2)
  await usage.flush()
  expect(written).toEqual([])
  isDown = false
  usage.note(2)
  await usage.close()
  expect(written).toEqual([[0, 1, 2]])
  await usage.flush()
  expect(written).toHaveLength(1)
})
