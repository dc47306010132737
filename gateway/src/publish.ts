import { PublishError, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'
import type { Breaker } from './breaker.ts'
import { CONFIRM_MS, LEAST_CONFIRM_MS } from './limits.ts'

/** A message the broker refused, or did not say in time that it took. */
export interface Unconfirmed {
  /** Its place among those that were published. */
  index: number
  /** A PublishError; anything else is a bug, or a message that cannot be encoded. */
  error: Error
}

/** Publishes messages and returns those that were not confirmed within the time; never throws. */
export type Publish = (messages: readonly OutgoingMessage[], withinMs: number) => Promise<Unconfirmed[]>

export interface PublishDeps {
  publisher: Pick<Publisher, 'publish' | 'status'>
  breaker: Breaker
  /** Most of the time that the broker gets to confirm a message once it is sent. */
  confirmMs?: number
}

/**
 * All messages at once, each waited for: first for room in the publisher's window, then for the broker's confirm. A
 * broker that is known to be away is not waited for.
 */
export const createPublish =
  ({ publisher, breaker, confirmMs: mostConfirmMs = CONFIRM_MS }: PublishDeps): Publish =>
  async (messages, withinMs) => {
    const none = (error: PublishError): Unconfirmed[] => messages.map((_, index) => ({ index, error }))
    const confirmMs = Math.min(mostConfirmMs, Math.floor(withinMs))
    const { status } = publisher
    if (status === 'down') return none(new PublishError('BROKER_DOWN', 'no connection to the broker'))
    if (status === 'blocked') return none(new PublishError('BROKER_BLOCKED', 'the broker blocks publishing'))
    if (confirmMs < LEAST_CONFIRM_MS) return none(noRoom())
    if (!breaker.admit()) return none(new PublishError('BROKER_DOWN', 'the broker has not answered lately'))

    const options = { wait: true, waitMs: Math.floor(withinMs) - confirmMs, timeoutMs: confirmMs }
    const outcomes = messages.map((message) => publisher.publish(message, options).then(confirmed, toError))
    const unconfirmed: Unconfirmed[] = []
    for (const [index, outcome] of outcomes.entries()) {
      const error = await outcome
      if (error !== undefined) unconfirmed.push({ index, error })
    }
    if (unconfirmed.length === 0) breaker.answered()
    else
      tell(breaker, unconfirmed, { published: messages.length, wasPatient: confirmMs >= mostConfirmMs / 2 })
    return unconfirmed
  }

const confirmed = (): undefined => undefined

/**
 * What the breaker learns: one silence opens it, any answer closes it; a message that was never sent says nothing, nor does
 * a silence that was not waited for.
 */
const tell = (
  breaker: Breaker,
  unconfirmed: readonly Unconfirmed[],
  { published, wasPatient }: { published: number; wasPatient: boolean }
): void => {
  const codes = new Set(
    unconfirmed.map(({ error }) => (error instanceof PublishError ? error.code : undefined))
  )
  if (codes.has('PUBLISH_UNKNOWN')) {
    if (wasPatient) breaker.silent()
  } else if (unconfirmed.length < published || codes.has('PUBLISH_NACKED') || codes.has('PUBLISH_RETURNED')) {
    breaker.answered()
  }
}

const noRoom = (): PublishError => new PublishError('BROKER_SATURATED', 'no room to publish within the time')
