import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { RecordError } from '../errors.ts'
import { isTextUnit, TextSchema, UnitSchemas, type OfferContent } from '../offer.ts'
import { pointerStep } from './json-schema.ts'

interface UnitValidator {
  Check: (value: unknown) => boolean
  Errors: (value: unknown) => readonly { instancePath: string; message: string }[]
}

const toValidator = (schema: TSchema): UnitValidator => Compile(schema)

const validators: ReadonlyMap<string, UnitValidator> = new Map(
  Object.entries(UnitSchemas).map(([name, schema]) => [name, toValidator(schema)])
)
const textValidator = toValidator(TextSchema)

/**
 * The last look at what a format made of a record, before it is merged: every unit is one of ours and valid.
 * A format's own schema should have refused the record earlier, with the vendor's path; this is the net below it.
 * @throws RecordError `RECORD_INVALID` with the path `/<unit>…`.
 */
export const checkUnits = (units: OfferContent): void => {
  for (const [name, value] of Object.entries(units)) {
    const validator = isTextUnit(name) ? textValidator : validators.get(name)
    if (validator?.Check(value) === true) continue
    const path = pointerStep(name)
    if (validator === undefined)
      throw new RecordError('RECORD_INVALID', `${path} is not a merge unit`, { path })
    const [problem] = validator.Errors(value)
    const at = path + (problem?.instancePath ?? '')
    throw new RecordError('RECORD_INVALID', `${at} ${problem?.message ?? 'is wrong'}`, { path: at })
  }
}
