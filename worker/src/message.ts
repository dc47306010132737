import type { Envelope } from '@sluice/shared/envelope'
import { EnvelopeError } from '@sluice/shared/errors'
import { interpret, type Interpreted } from '@sluice/shared/fact'
import { findFormat, type Format } from '@sluice/shared/formats'
import type { SourceSettings } from './sources.ts'

/** An envelope, whose it is, and what it means. */
export interface Message extends Interpreted {
  envelope: Envelope
  source: SourceSettings
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
  if (envelope.type === 'record' && envelope.formatVersion > format.formatVersion) {
    throw tooNew(envelope, format)
  }
  return { envelope, source, ...interpret(envelope, format, { timeZone: source.timeZone }) }
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
