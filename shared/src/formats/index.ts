import { kyero } from './kyero/format.ts'
import { rightmoveBlm } from './rightmove-blm/format.ts'
import { sluice } from './sluice/format.ts'
import { yandexYrl } from './yandex-yrl/format.ts'
import type { Format } from './format.ts'

export { toSoundChange } from './check-change.ts'
export { checkUnits } from './check-units.ts'
/** For people who send it: the gateway's `/docs` show it. Records are read by `sluice.toChange`. */
export { SluiceRecordSchema } from './sluice/record.ts'
export { GONE, isWholeList, type Extent, type Gone } from './gone.ts'
export { toPublishedSchema } from './publish-schema.ts'
export { valueAt, type FeedFormat, type Format, type MappingContext } from './format.ts'

/** Every format we speak: one folder here, one line here (`pnpm new:format`, `docs/formats.md`). */
export const formats: readonly Format[] = [kyero, rightmoveBlm, sluice, yandexYrl]

const byName: ReadonlyMap<string, Format> = new Map(formats.map((format) => [format.name, format]))

export const findFormat = (name: string): Format | undefined => byName.get(name)
