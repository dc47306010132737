import { listedStampOf, recordOf, stampOf, type Envelope } from '@sluice/shared/envelope'
import { EnvelopeError, RecordError } from '@sluice/shared/errors'
import { findFormat, toSoundChange, type Format } from '@sluice/shared/formats'
import type { Stamp } from '@sluice/shared/stamp'
import type { Fact } from './merge.ts'
import type { SourceSettings } from './sources.ts'

/** An envelope and what it means: a fact, or the reason why its record can never become one. */
export interface Message {
  envelope: Envelope
  stamp: Stamp
  source: SourceSettings
  /** The vendor's record; absent for `vanished`. */
  record?: unknown
  meaning: { fact: Fact } | { problem: RecordError }
}

/**
 * Gives an envelope its meaning. Pure.
 * @throws EnvelopeError when it cannot be read, or belongs to a source or format we do not have → dead letter.
 *   `FORMAT_NEWER` when only a later release can read the record → the ladder, until a worker of that release takes it.
 *   Whatever else it throws is a bug of the format.
 */
export const toMessage = (envelope: Envelope, source: SourceSettings | undefined): Message => {
  if (source === undefined) throw invalid(`there is no source "${envelope.source}"`)
  if (source.vendorSlug !== envelope.vendor) {
    throw invalid(`source "${envelope.source}" does not belong to vendor "${envelope.vendor}"`)
  }
  const format = findFormat(envelope.format)
  if (format === undefined) throw invalid(`there is no format "${envelope.format}"`)
  if (envelope.lane === 'feed' && envelope.run === undefined) throw invalid('header run is missing')

  const stamp = stampOf(envelope)
  const listedStamp = listedStampOf(envelope)
  const fact = (change: Fact['change']): Fact => ({
    change,
    stamp,
    ...(listedStamp === undefined ? {} : { listedStamp }),
    source: source.slug,
    covers: format.covers
  })
  if (envelope.type === 'vanished') {
    return { envelope, stamp, source, meaning: { fact: fact({ kind: 'vanish' }) } }
  }
  if (envelope.formatVersion > format.formatVersion) throw tooNew(envelope, format)
  const record = recordOf(envelope)
  const known = { envelope, stamp, source, record }
  try {
    return { ...known, meaning: { fact: fact(toSoundChange(format, record, { timeZone: source.timeZone })) } }
  } catch (thrown) {
    if (thrown instanceof RecordError) return { ...known, meaning: { problem: thrown } }
    throw thrown
  }
}

const invalid = (what: string): EnvelopeError =>
  new EnvelopeError('ENVELOPE_INVALID', `Cannot apply the envelope: ${what}`)

/** Under our mapping it would pass for applied under the new one, and nobody would ever look at it again. */
const tooNew = ({ format, formatVersion }: Envelope, known: Format): Error =>
  Object.assign(
    new Error(
      `The record is of version ${formatVersion} of format "${format}" and this worker knows ${known.formatVersion}: finish the deployment of the workers`
    ),
    { name: 'NewerFormatError', code: 'FORMAT_NEWER' }
  )
