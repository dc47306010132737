import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createTallies } from './tallies.ts'

const BOUNDS = [0.001, 0.5, 1]

it('tells what a histogram of prom-client tells', async () => {
  const label = fc.constantFrom('read', 'publish', 'auth')
  const seconds = fc.oneof(fc.constantFrom(0, ...BOUNDS), fc.double({ min: 0, max: 20, noNaN: true }))
  const linesOf = (text: string): string[] => text.trim().split('\n').toSorted()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(label, seconds), { minLength: 1, maxLength: 30 }), async (all) => {
      const registry = new Registry()
      const histogram = new Histogram({
        name: 'x_seconds',
        help: 'X',
        labelNames: ['phase'],
        buckets: BOUNDS,
        registers: [registry]
      })
      const tallies = createTallies({ name: 'x_seconds', help: 'X', labelName: 'phase', bounds: BOUNDS })
      for (const [phase, value] of all) {
        histogram.observe({ phase }, value)
        tallies.observe(phase, value)
      }
      expect(linesOf(tallies.render())).toEqual(linesOf(await registry.metrics()))
    })
  )
})

it('tells of a label before anything is observed', () => {
  const tallies = createTallies({
    name: 'x_seconds',
    help: 'X',
    labelName: 'phase',
    labels: ['read'],
    bounds: BOUNDS
  })
  expect(tallies.render()).toContain('x_seconds_bucket{le="+Inf",phase="read"} 0\n')
  expect(tallies.render()).toContain('x_seconds_count{phase="read"} 0\n')
})
