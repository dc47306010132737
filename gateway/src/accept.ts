import { PublishError } from '@sluice/shared/broker'
import { toMessage, type Envelope, type OutgoingMessage } from '@sluice/shared/envelope'
import type { Budget } from './budget.ts'
import { Refusal } from './errors.ts'
import type { Outbox } from './outbox/outbox.ts'
import { createPublish, type PublishDeps } from './publish.ts'
import type { QueuedMarks } from './queued-marks.ts'
import type { Source } from './source-store.ts'

/** What acceptance must know of a source. */
export type AcceptingSource = Pick<Source, 'id' | 'slug' | 'isPaused' | 'onBrokerDown' | 'onPaused'>

/** Where the records of an accepted request are now; all of them are durable. */
export interface Acceptance {
  /** Confirmed by the broker. */
  confirmed: number
  /** Committed to the outbox. */
  outboxed: number
}

/**
 * Makes the records of one request durable: confirmed by the broker, or committed to the outbox. Resolves when every
 * one of them is, within the budget of the request.
 * @throws Refusal SOURCE_PAUSED, NOT_ACCEPTED or OUTBOX_FULL: the request is not accepted, though some of its records
 *   may have arrived. The sender's retry brings them a second time, which the merge makes harmless.
 */
export type Accept = (
  envelopes: readonly Envelope[],
  source: AcceptingSource,
  budget: Budget
) => Promise<Acceptance>

export interface AcceptDeps extends PublishDeps {
  /** Name of the records exchange. */
  exchange: string
  outbox: Pick<Outbox, 'store'>
  /** Told of what was accepted, so that the vendor can ask for it at once. */
  queuedMarks: Pick<QueuedMarks, 'note'>
}

export const createAccept = ({ exchange, outbox, queuedMarks, ...deps }: AcceptDeps): Accept => {
  const publish = createPublish(deps)

  const store = async (
    messages: readonly OutgoingMessage[],
    source: AcceptingSource,
    budget: Budget
  ): Promise<void> => {
    const outcome = await outbox.store(messages, source.id, budget.outboxMs()).catch((cause: unknown) => {
      throw notAccepted(cause)
    })
    if (outcome === 'full') throw full()
  }

  const accept: Accept = async (envelopes, source, budget) => {
    const messages = envelopes.map((envelope) => toMessage(envelope, exchange))

    if (source.isPaused) {
      if (source.onPaused !== 'accept') throw paused()
      await store(messages, source, budget)
      return { confirmed: 0, outboxed: messages.length }
    }

    const mayStore = source.onBrokerDown === 'outbox'
    const unconfirmed = await publish(messages, budget.publishMs(mayStore))
    const bug = unconfirmed.find(({ error }) => !(error instanceof PublishError))
    if (bug !== undefined) throw bug.error
    const [first] = unconfirmed
    if (first !== undefined) {
      if (!mayStore) throw notAccepted(first.error)
      const places = new Set(unconfirmed.map(({ index }) => index))
      const remaining = messages.filter((_, index) => places.has(index))
      await store(remaining, source, budget)
    }
    return { confirmed: messages.length - unconfirmed.length, outboxed: unconfirmed.length }
  }

  return async (envelopes, source, budget) => {
    const acceptance = await accept(envelopes, source, budget)
    queuedMarks.note(envelopes, source.id)
    return acceptance
  }
}

/** The answer to a paused source that does not accept meanwhile. */
export const paused = (): Refusal =>
  new Refusal('SOURCE_PAUSED', 'This source is paused on our side. Nothing was stored; send it again later.')

const notAccepted = (cause: unknown): Refusal =>
  new Refusal(
    'NOT_ACCEPTED',
    'The delivery could not be stored durably. Send the same request again; records that did arrive are not applied twice.',
    { cause }
  )

const full = (): Refusal =>
  new Refusal(
    'OUTBOX_FULL',
    'Too much of this source waits to be processed already. The delivery was not accepted; send it again later.'
  )
