import { isExternalId, MAX_ID_LENGTH, type FactAtFrom } from '@sluice/shared/envelope'
import { RecordError } from '@sluice/shared/errors'
import { valueAt, type Format } from '@sluice/shared/formats'
import { toMicros, type Micros } from '@sluice/shared/time'

/** The two things an edge reads in a record: whose offer it is, and since when it is true. */
export interface RecordFacts {
  externalId: string
  factAt: Micros
  factAtFrom: FactAtFrom
  /** Why the record's own time could not be used, although it states one. */
  warning?: RecordError
}

export interface FactsContext {
  format: Pick<Format, 'id' | 'factAt'>
  timeZone: string
  /** The time of a record that states none of its own. */
  fileFactAt: Micros
}

/** @throws RecordError `RECORD_ID_MISSING`, `RECORD_ID_TOO_LONG` or `RECORD_ID_INVALID`. */
export const factsOf = (record: unknown, { format, timeZone, fileFactAt }: FactsContext): RecordFacts => {
  const externalId = idOf(record, format.id)
  const fromFile = { externalId, factAt: fileFactAt, factAtFrom: 'file' } as const
  const stated = format.factAt === undefined ? undefined : textAt(record, format.factAt)
  if (format.factAt === undefined || stated === undefined) return fromFile
  try {
    const factAt = toMicros(stated, timeZone, `/${format.factAt.join('/')}`)
    return { externalId, factAt, factAtFrom: 'record' }
  } catch (thrown) {
    // A date nobody can read is no reason to keep an offer off the market.
    if (thrown instanceof RecordError) return { ...fromFile, warning: thrown }
    throw thrown
  }
}

/** The id of a record of which little is known; `undefined` when it is not there, or none that could be used. */
export const idIn = (record: unknown, { id }: FactsContext['format']): string | undefined => {
  try {
    return idOf(record, id)
  } catch (thrown) {
    if (thrown instanceof RecordError) return undefined
    throw thrown
  }
}

const idOf = (record: unknown, path: readonly string[]): string => {
  const id = textAt(record, path)
  const pointer = `/${path.join('/')}`
  if (id === undefined) {
    throw new RecordError('RECORD_ID_MISSING', `The record has no id at ${pointer}`, { path: pointer })
  }
  if (id.length > MAX_ID_LENGTH) {
    throw new RecordError(
      'RECORD_ID_TOO_LONG',
      `The id of the record is longer than ${MAX_ID_LENGTH} characters`,
      {
        path: pointer
      }
    )
  }
  if (!isExternalId(id)) {
    throw new RecordError('RECORD_ID_INVALID', 'The id of the record holds a control character', {
      path: pointer
    })
  }
  return id
}

/** The text at a path, whether its element has attributes or not; `undefined` when there is none, or it is empty. */
const textAt = (record: unknown, path: readonly string[]): string | undefined => {
  const value = valueAt(record, path) ?? undefined
  const text = typeof value === 'object' ? valueAt(value, ['#text']) : value
  if (typeof text !== 'string' && typeof text !== 'number') return undefined
  const trimmed = String(text).trim()
  return trimmed === '' ? undefined : trimmed
}
