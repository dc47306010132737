import type { Gone } from '../gone.ts'
import type { Format } from '../format.ts'
import { outcomeOf, type Fixture } from './fixtures.ts'

/** What a format that says "gone" in its records must have a fixture of. */
const SIGNS: Partial<Record<Gone, string>> = {
  'verb-in-record': 'a record that withdraws',
  'expiry-date': 'a record that says until when it holds'
}

/** A format that declares that its records say when an offer is gone, and has no fixture in which one does. */
export const goneProblems = (format: Format, fixtures: readonly Fixture[]): string[] => {
  const gone = format.feed?.gone
  const sign = gone === undefined ? undefined : SIGNS[gone]
  if (gone === undefined || sign === undefined) return []
  const isSaid = fixtures.some(({ record, timeZone }) => {
    const outcome = outcomeOf(format, record, timeZone)
    if (!('change' in outcome)) return false
    const { change } = outcome
    return gone === 'verb-in-record'
      ? change.kind === 'withdraw'
      : change.kind === 'upsert' && change.until !== undefined
  })
  return isSaid ? [] : [`${format.name} declares "${gone}" and has no fixture of ${sign}`]
}
