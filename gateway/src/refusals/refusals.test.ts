import { describe, expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { createRefusals, type RefusalCount } from './refusals.ts'
import { skeletonOf } from './skeleton.ts'

const sample = () => ({ requestId: 'r', address: '10.0.0.1', detail: 'No.' })

const world = () => {
  const clock = { now: 90_000 }
  const state: { written: RefusalCount[][]; isDown: boolean } = { written: [], isDown: false }
  const refusals = createRefusals({
    write: async (counts) => {
      if (state.isDown) throw new Error('postgres is away')
      state.written.push([...counts])
    },
    log: createLogger({ service: 'test', level: 'silent' }),
    now: () => clock.now
  })
  return { clock, state, refusals }
}

describe('refusals', () => {
  it('of a flood are one row a minute, with one sample', async () => {
    const { clock, state, refusals } = world()
    let samples = 0
    const flood = () => {
      for (let n = 0; n < 10_000; n++) {
        refusals.note('crm', 'API_KEY_INVALID', true, () => {
          samples++
          return sample()
        })
      }
    }
    flood()
    clock.now += 60_000
    flood()
    await refusals.flush()
    expect(state.written[0]?.map(({ minute, count }) => [minute.getTime(), count])).toEqual([
      [60_000, 10_000],
      [120_000, 10_000]
    ])
    expect(samples).toBe(2)
    await refusals.flush()
    expect(state.written).toHaveLength(1)
  })

  it('are kept while they cannot be written, and added to what comes meanwhile', async () => {
    const { state, refusals } = world()
    refusals.note('crm', 'BODY_MALFORMED', true, sample)
    state.isDown = true
    const flushed = refusals.flush()
    refusals.note('crm', 'BODY_MALFORMED', true, sample)
    await flushed
    state.isDown = false
    await refusals.close()
    expect(state.written.flat().map(({ count }) => count)).toEqual([2])
  })

  it('of names somebody makes up do not crowd out those of sources there are', async () => {
    const { state, refusals } = world()
    for (let n = 0; n < 10_000; n++) refusals.note(`made-up-${n}`, 'BODY_TOO_LARGE', false, sample)
    refusals.note('crm', 'API_KEY_INVALID', true, sample)
    await refusals.flush()
    expect(state.written[0]?.length).toBeLessThan(1_000)
    expect(state.written[0]?.at(-1)).toMatchObject({ sourceSlug: 'crm' })
  })
})

describe('the skeleton of a body', () => {
  it('shows how it is built and nothing of what it says', () => {
    expect(skeletonOf(Buffer.from('{"phone":"+359 88 123",\n}'))).toBe('{"xxxxx":"+000 00 000", }')
    expect(skeletonOf(Buffer.from('<цена валюта="€">12٣</цена>'))).toBe('<xxxx xxxxxx="€">000</xxxx>')
    expect(skeletonOf(Buffer.from('_secret_'.repeat(100)))).not.toMatch(/secret/)
  })

  it('is short, whatever the bytes', () => {
    const noise = Buffer.from(Array.from({ length: 5_000 }, (_, n) => (n * 7) % 256))
    expect(skeletonOf(noise).length).toBeLessThanOrEqual(200)
    expect(skeletonOf(noise)).not.toMatch(/[a-wyz1-9]/i)
  })
})
