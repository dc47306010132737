import { expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'

const USAGE = {
  sourceId: 1,
  sourceSlug: 'crm',
  rows: 3,
  bytes: 4_096,
  oldestAt: new Date(Date.now() - 90_000)
}

it('what waits in the outbox is told by source, with its age, at one question a look', async () => {
  let asked = 0
  let waiting = [USAGE]
  const metrics = createMetrics({
    readOutbox: async () => {
      asked += 1
      return waiting
    }
  })
  const text = await metrics.render()
  expect(text).toContain('sluice_gateway_outbox_rows{source="crm"} 3\n')
  expect(text).toContain('sluice_gateway_outbox_bytes{source="crm"} 4096\n')
  expect(Number(/outbox_oldest_seconds\{source="crm"\} ([\d.]+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(90)
  expect(asked).toBe(1)

  waiting = []
  expect(await metrics.render()).not.toContain('{source="crm"}')
  expect(asked).toBe(2)
})

it('an outbox that cannot be read hides none of the other figures', async () => {
  const metrics = createMetrics({ readOutbox: () => Promise.reject(new Error('Postgres is away')) })
  const text = await metrics.render()
  expect(text).toContain('sluice_gateway_requests_in_flight 0')
  expect(text).not.toMatch(/outbox_rows\{/)
})

it('a phase that failed is counted as one', async () => {
  const metrics = createMetrics({ readOutbox: async () => [] })
  expect(metrics.timed('read', () => 1)).toBe(1)
  const fail = (): never => {
    throw new Error('no')
  }
  expect(() => metrics.timed('read', fail)).toThrow('no')
  await expect(metrics.timedAsync('publish', async () => fail())).rejects.toThrow('no')
  const text = await metrics.render()
  expect(text).toContain('sluice_gateway_phase_seconds_count{phase="read"} 2\n')
  expect(text).toContain('sluice_gateway_phase_failures_total{phase="read"} 1\n')
  expect(text).toContain('sluice_gateway_phase_failures_total{phase="publish"} 1\n')
})
