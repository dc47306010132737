import { EXPIRED } from './change.ts'
import { listedStampOf, recordOf, stampOf, type Envelope } from './envelope.ts'
import { RecordError } from './errors.ts'
import { toSoundChange, type Format, type MappingContext } from './formats/index.ts'
import type { Fact } from './merge.ts'
import type { Stamp } from './stamp.ts'
import { fromIso } from './time.ts'

/** What an envelope means: a fact, or the reason why its record can never become one. */
export interface Interpreted {
  stamp: Stamp
  /** The vendor's record; absent for `vanished`. */
  record?: unknown
  meaning: { fact: Fact } | { problem: RecordError }
}

/**
 * Gives an envelope its meaning, by its own format. Pure.
 * @throws EnvelopeError when its body cannot be read; whatever else it throws is a bug of the format.
 */
export const interpret = (envelope: Envelope, format: Format, context: MappingContext): Interpreted => {
  const stamp = stampOf(envelope)
  const listedStamp = listedStampOf(envelope)
  const fact = (change: Fact['change']): Fact => ({
    change,
    stamp,
    ...(listedStamp === undefined ? {} : { listedStamp }),
    source: envelope.source,
    covers: format.covers
  })
  if (envelope.type === 'vanished') return { stamp, meaning: { fact: fact(absenceOf(envelope)) } }
  const record = recordOf(envelope)
  try {
    const meant = fact(toSoundChange(format, record, context))
    return {
      stamp,
      record,
      meaning: { fact: isOverAt(envelope, meant) ? { ...meant, isOver: true } : meant }
    }
  } catch (thrown) {
    if (thrown instanceof RecordError) return { stamp, record, meaning: { problem: thrown } }
    throw thrown
  }
}

/** What an empty message says: that a list is without the offer, or that the time is over until which a record held. */
const absenceOf = ({ expiredAt }: Envelope): Fact['change'] =>
  expiredAt === undefined ? { kind: 'vanish' } : { kind: 'withdraw', reason: EXPIRED }

/** By the envelope alone: whenever and however often it is applied, the same record says the same. */
const isOverAt = ({ receivedAt }: Envelope, { change }: Fact): boolean => {
  const until = change.kind === 'upsert' && change.until !== undefined ? fromIso(change.until) : undefined
  return until !== undefined && until <= receivedAt
}
