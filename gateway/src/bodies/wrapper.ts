import { Refusal } from '../errors.ts'
import { pointer } from './record.ts'

/** The records a body holds at `path`: the items of the list there, or the one value; through lists on the way. */
export const valuesAt = (value: unknown, path: readonly string[]): unknown[] => {
  let values: unknown[] = [value]
  for (const [index, step] of path.entries()) {
    values = values.flatMap(itemsOf).map((wrapper) => memberOf(wrapper, step, path.slice(0, index + 1)))
  }
  return values.flatMap(itemsOf)
}

const itemsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])

/** A wrapper without its records is no empty list: what it holds instead would be lost behind a 202. */
const memberOf = (wrapper: unknown, step: string, soFar: readonly string[]): unknown => {
  if (
    typeof wrapper === 'object' &&
    wrapper !== null &&
    !Array.isArray(wrapper) &&
    Object.hasOwn(wrapper, step)
  ) {
    return (wrapper as Record<string, unknown>)[step]
  }
  throw noRecordsAt(soFar)
}

export const noRecordsAt = (steps: readonly string[]): Refusal => {
  const path = pointer(steps)
  return new Refusal(
    'RECORDS_MISSING',
    `There is nothing at ${path}, where the records of this source are expected.`,
    { path }
  )
}
