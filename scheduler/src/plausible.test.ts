import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { implausible, type Conclusions } from './plausible.ts'

const limits = { holdShare: 0.3, holdCount: 10 }
const list = (more: Partial<Conclusions>): Conclusions => {
  const gone = more.gone ?? 0
  return { records: 100, known: 100, gone, unreleased: gone, rejected: 0, rejectedBefore: 0, ...more }
}
const codeOf = (more: Partial<Conclusions>): string | undefined => implausible(list(more), limits)?.code

describe('implausible', () => {
  test.each<[string, Partial<Conclusions>, string | undefined]>([
    ['nothing gone', {}, undefined],
    ['some gone', { gone: 30 }, undefined],
    ['one more than the share', { gone: 31 }, 'GONE_TOO_MANY'],
    ['a large share of few', { known: 12, gone: 10 }, undefined],
    ['a large share of a few more', { known: 12, gone: 11 }, 'GONE_TOO_MANY'],
    ['a large number of many', { known: 1_000_000, gone: 300_000 }, undefined],
    ['an empty list', { records: 0, known: 3, gone: 3 }, 'GONE_ALL'],
    ['an empty list, released', { records: 0, known: 3, gone: 3, unreleased: 0 }, undefined],
    ['many gone, most of them released', { gone: 80, unreleased: 5 }, undefined],
    ['many rejected, nothing gone', { rejected: 90 }, undefined],
    ['many rejected all of a sudden', { rejected: 31, gone: 1 }, 'REJECTED_TOO_MANY'],
    ['as many rejected as ever', { rejected: 90, rejectedBefore: 85, gone: 1 }, undefined],
    [
      'many rejected, nothing to compare with',
      { rejected: 90, rejectedBefore: undefined as never, gone: 1 },
      undefined
    ]
  ])('%s', (_name, conclusions, code) => {
    expect(codeOf(conclusions)).toBe(code)
  })

  const some = fc.nat({ max: 2_000 })
  const anyList = fc
    .record({ records: some, known: some, gone: some, rejected: some, rejectedBefore: some, released: some })
    .map(({ released, ...more }) => {
      const gone = Math.min(more.gone, more.known)
      return { ...more, gone, unreleased: Math.max(0, gone - released) }
    })
  const anyLimits = fc.record({
    holdShare: fc.double({ min: 0, max: 1, noNaN: true }),
    holdCount: fc.nat({ max: 1_000 })
  })

  test('whatever is let through is few, by number or by share, and never all of an empty file', () => {
    fc.assert(
      fc.property(anyList, anyLimits, (conclusions, own) => {
        if (implausible(conclusions, own) !== undefined) return
        const { unreleased, known, records } = conclusions
        expect(unreleased <= own.holdCount || unreleased <= known * own.holdShare).toBe(true)
        expect(unreleased === 0 || records > 0).toBe(true)
      })
    )
  })

  test('more gone is never more plausible, a release never less', () => {
    fc.assert(
      fc.property(anyList, anyLimits, fc.nat({ max: 100 }), (conclusions, own, more) => {
        const isHeld = (list: Conclusions): boolean => implausible(list, own) !== undefined
        const worse = {
          ...conclusions,
          gone: conclusions.gone + more,
          unreleased: conclusions.unreleased + more
        }
        if (conclusions.unreleased > 0 && isHeld(conclusions)) expect(isHeld(worse)).toBe(true)
        if (!isHeld(conclusions)) expect(isHeld({ ...conclusions, unreleased: 0 })).toBe(false)
      })
    )
  })
})
