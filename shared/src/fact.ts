import { listedStampOf, recordOf, stampOf, type Envelope } from './envelope.ts'
import { RecordError } from './errors.ts'
import { toSoundChange, type Format, type MappingContext } from './formats/index.ts'
import type { Fact } from './merge.ts'
import type { Stamp } from './stamp.ts'

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
  if (envelope.type === 'vanished') return { stamp, meaning: { fact: fact({ kind: 'vanish' }) } }
  const record = recordOf(envelope)
  try {
    return { stamp, record, meaning: { fact: fact(toSoundChange(format, record, context)) } }
  } catch (thrown) {
    if (thrown instanceof RecordError) return { stamp, record, meaning: { problem: thrown } }
    throw thrown
  }
}
