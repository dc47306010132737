import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { createCircuit, probeDelayMs, type Holdable } from './circuit.ts'

const log = createLogger({ service: 'test', level: 'silent' })

const start = (maxHoldMs = 60_000) => {
  const pauses: number[] = []
  const events: string[] = []
  let isAway = true
  const holdable = (name: string, onRelease: () => void = () => undefined): Holdable => ({
    hold: () => void events.push(`${name} hold`),
    giveBack: async () => void events.push(`${name} give back`),
    release: async () => {
      events.push(`${name} release`)
      onRelease()
    }
  })
  const holdables: Holdable[] = []
  const circuit = createCircuit({
    probe: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
    holdables: () => holdables,
    maxHoldMs,
    log,
    pause: (ms) => {
      pauses.push(ms)
      return turn()
    }
  })
  return { circuit, events, pauses, holdables, holdable, comeBack: () => void (isAway = false) }
}

describe('the circuit', () => {
  it('holds everything at once, and lets it go on in order when the probe answers', async () => {
    const { circuit, events, holdables, holdable, comeBack } = start()
    holdables.push(holdable('webhook'), holdable('feed'))
    circuit.trip(new Error('away'))
    circuit.trip(new Error('away'))
    expect(events).toEqual(['webhook hold', 'feed hold'])
    expect(circuit.isOpen).toBe(true)
    comeBack()
    await until(() => !circuit.isOpen)
    await until(() => events.length === 4)
    expect(events.slice(2)).toEqual(['webhook release', 'feed release'])
    circuit.stop()
  })

  it('gives back once when the outage is long, and still goes on afterwards', async () => {
    const { circuit, events, holdables, holdable, comeBack } = start(1)
    holdables.push(holdable('feed'))
    circuit.trip(new Error('away'))
    await until(() => events.includes('feed give back'))
    for (let n = 0; n < 20; n++) await turn()
    expect(events.filter((event) => event === 'feed give back')).toHaveLength(1)
    comeBack()
    await until(() => events.includes('feed release'))
    circuit.stop()
  })

  it('stops going on when the dependency leaves again half-way', async () => {
    const { circuit, events, holdables, holdable, comeBack } = start()
    holdables.push(
      holdable('webhook', () => {
        if (events.filter((event) => event === 'webhook release').length === 1)
          circuit.trip(new Error('away again'))
      }),
      holdable('feed')
    )
    circuit.trip(new Error('away'))
    comeBack()
    await until(() => events.includes('feed release'))
    expect(events).toEqual([
      'webhook hold',
      'feed hold',
      'webhook release',
      'webhook hold',
      'feed hold',
      'webhook release',
      'feed release'
    ])
    circuit.stop()
  })

  it('waits ever longer while the dependency answers probes and nothing else', async () => {
    const { circuit, pauses, holdables, holdable, comeBack } = start()
    holdables.push(
      holdable('feed', () => {
        if (pauses.length < 8) circuit.trip(new Error('disk full'))
      })
    )
    circuit.trip(new Error('disk full'))
    comeBack()
    await until(() => pauses.length === 8)
    expect(pauses[0]).toBeLessThanOrEqual(200)
    expect(pauses[7]).toBeGreaterThanOrEqual(2_500)
    circuit.stop()
  })

  it('gives back once in an outage in which probes are answered and nothing else', async () => {
    const { circuit, events, pauses, holdables, holdable, comeBack } = start(20)
    const isOver = (): boolean => pauses.length >= 2_000 && events.includes('feed give back')
    holdables.push(
      holdable('feed', () => {
        if (!isOver()) circuit.trip(new Error('disk full'))
      })
    )
    comeBack()
    circuit.trip(new Error('disk full'))
    await until(() => !circuit.isOpen && isOver())
    expect(events.filter((event) => event === 'feed give back')).toHaveLength(1)
    expect(events.indexOf('feed give back')).toBeGreaterThan(events.indexOf('feed release'))
    circuit.stop()
  })

  it('waits longer from probe to probe, at most five seconds, never in step', () => {
    expect(probeDelayMs(0, () => 0)).toBe(100)
    expect(probeDelayMs(0, () => 1)).toBe(200)
    expect(probeDelayMs(100, () => 1)).toBe(5_000)
    expect(probeDelayMs(100, () => 0)).toBe(2_500)
  })
})

/** Lets the loop turn until the condition holds. */
const until = async (condition: () => boolean): Promise<void> => {
  for (let n = 0; n < 100_000 && !condition(); n++) await turn()
  expect(condition()).toBe(true)
}
