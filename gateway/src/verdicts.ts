import { setImmediate } from 'node:timers/promises'
import type { Change } from '@sluice/shared/change'
import { RecordError } from '@sluice/shared/errors'
import { toSoundChange, type Format } from '@sluice/shared/formats'
import { parseJson } from '@sluice/shared/json'
import { nowMicros, toIso, type Micros } from '@sluice/shared/time'
import type { SplitRecord } from './bodies/index.ts'

/** What would become of a record: what it means to us, or why it would be rejected. */
export type Verdict = { index: number; externalId: string; factAt?: string; note?: string } & (
  | { valid: true; change: Change }
  | { valid: false; code: string; path: string; message: string }
)

/** Deliveries of others wait no longer than this for somebody's validation. */
const TURN_MS = 10

const FROM_THE_FUTURE = 'The time of the record lies in the future, so the moment of receipt counts.'

/**
 * The verdict on each record, by the very function that gives it its meaning when it is applied. Of its time the part
 * that counts, as its stamp has it.
 */
export const toVerdicts = async (
  records: readonly SplitRecord[],
  format: Format,
  timeZone: string,
  receivedAt: Micros = nowMicros()
): Promise<Verdict[]> => {
  const verdicts: Verdict[] = []
  let turnEndsAt = performance.now() + TURN_MS
  for (const record of records) {
    verdicts.push({ ...timeOf(record, receivedAt), ...toVerdict(record, format, timeZone) })
    if (performance.now() < turnEndsAt) continue
    await setImmediate()
    turnEndsAt = performance.now() + TURN_MS
  }
  return verdicts
}

const timeOf = ({ factAt }: SplitRecord, receivedAt: Micros): Pick<Verdict, 'factAt' | 'note'> => {
  if (factAt === undefined) return {}
  if (factAt <= receivedAt) return { factAt: toIso(factAt) }
  return { factAt: toIso(receivedAt), note: FROM_THE_FUTURE }
}

const toVerdict = ({ index, externalId, body }: SplitRecord, format: Format, timeZone: string): Verdict => {
  const known = { index, externalId }
  try {
    const change = toSoundChange(format, parseJson(body.toString('utf8')), { timeZone })
    return { ...known, valid: true, change }
  } catch (thrown) {
    if (!(thrown instanceof RecordError)) throw thrown
    const { code, path = '', message } = thrown
    return { ...known, valid: false, code, path, message }
  }
}
