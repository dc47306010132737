import { VANISHED, type Change } from '../change.ts'
import { RecordError } from '../errors.ts'
import { fromIso } from '../time.ts'
import { isTextUnit, REQUIRED_UNITS, UnitSchemas, type OfferContent, type UnitFamily } from '../offer.ts'
import { asJson } from './as-json.ts'
import { checkUnits } from './check-units.ts'
import type { Format, MappingContext } from './format.ts'

/**
 * The meaning of a record as it would be merged: mapped by its format, checked by what holds for every format, and
 * with the units as they will be once stored. Pure.
 * @throws RecordError with the JSON pointer of what is missing or wrong.
 */
export const toSoundChange = (format: Format, record: unknown, context: MappingContext): Change => {
  const change = format.toChange(record, context)
  checkChange(change, format.covers)
  if (change.kind !== 'withdraw') return { ...change, units: asJson(change.units) }
  // A reason that only we may give is too little to refuse a withdrawal for.
  return change.reason === VANISHED ? { kind: 'withdraw' } : change
}

/**
 * What holds for every format, should its own schema have let something through.
 * @throws RecordError with the path `/<unit>`
 */
export const checkChange = (change: Change, covers: readonly UnitFamily[]): void => {
  if (change.kind === 'withdraw') return
  checkUnits(change.units)
  if ('presence' in change.units) throw wrongUnit('presence', 'is not for a record to say')
  if (change.kind === 'upsert') {
    const units: OfferContent = change.units
    const lacking = REQUIRED_UNITS.find((unit) => covers.includes(unit) && units[unit] === undefined)
    if (lacking !== undefined) throw lackingUnit(lacking)
    if (change.until !== undefined && fromIso(change.until) === undefined)
      throw wrongUnit('until', 'is no instant')
    return
  }
  for (const unit of change.clear) {
    if (isRequired(unit)) throw lackingUnit(unit)
    if (unit === 'presence') throw wrongUnit(unit, 'is not for a record to clear')
    if (!isTextUnit(unit) && !Object.hasOwn(UnitSchemas, unit)) throw wrongUnit(unit, 'is not a merge unit')
  }
}

const isRequired = (unit: string): boolean => (REQUIRED_UNITS as readonly string[]).includes(unit)

const lackingUnit = (unit: string): RecordError =>
  new RecordError('RECORD_INCOMPLETE', `/${unit} is missing: an offer cannot be without it`, {
    path: `/${unit}`
  })

const wrongUnit = (unit: string, what: string): RecordError =>
  new RecordError('RECORD_INVALID', `/${unit} ${what}`, { path: `/${unit}` })
