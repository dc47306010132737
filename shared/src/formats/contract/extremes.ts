import { RecordError } from '../../errors.ts'
import { checkUnits } from '../check-units.ts'
import type { Format } from '../format.ts'
import { outcomeOf, type Expectation, type Fixture } from './fixtures.ts'
import { leavesOf, withValue } from './leaves.ts'

/** Beyond what any unit holds, as JSON and as XML have it. */
export const EXTREMES: readonly unknown[] = [
  1e12,
  '1000000000000',
  -1e12,
  '-1000000000000',
  'x'.repeat(70_000)
]

/**
 * The places of a format's records at which something extreme passes its schema and makes a unit that no offer can
 * hold. Tried at every place, so that a bound that is missing is found every time and not by chance.
 */
export const unboundedPlaces = (format: Format, fixtures: readonly Fixture[]): string[] => {
  const found = fixtures.flatMap(({ record, timeZone }) =>
    leavesOf(record).flatMap(({ steps, path }) =>
      EXTREMES.flatMap((value) => {
        const problem = refusedUnit(outcomeOf(format, withValue(record, steps, value), timeZone))
        return problem === undefined ? [] : [`${path}: ${problem}`]
      })
    )
  )
  return [...new Set(found)]
}

/** Why the units of a change cannot be an offer's; `undefined` when they can. */
export const refusedUnit = (outcome: Expectation): string | undefined => {
  if ('rejection' in outcome || outcome.change.kind === 'withdraw') return undefined
  try {
    checkUnits(outcome.change.units)
    return undefined
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    return `toChange gave a unit that is refused: ${error.message}; bound it in the schema (docs/offer.md)`
  }
}
