import type { Outcome } from '@sluice/shared/change'
import { toError } from '@sluice/shared/errors'
import { merge, type Fact, type OfferState } from '@sluice/shared/merge'
import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import type { OfferKey, StoredOffer } from '@sluice/prisma/tables/offers'
import type { Message } from './message.ts'

/** What is to be done to one offer, decided from what was read and the messages of a batch. */
export interface OfferPlan {
  key: OfferKey
  read: StoredOffer | undefined
  /** The offer to write; absent when no stamp moves. */
  next?: OfferState
  /** Each with its units. */
  changes: readonly NewOfferChange[]
  /** The only change is the first, and says all that the offer itself says: no copy is kept until that is something else. */
  isToldByOffer: boolean
  /** What becomes of each message, should the write win. */
  outcomes: readonly (readonly [Message, Outcome])[]
  /** Messages whose merge itself failed: a bug, and theirs alone. */
  failures: readonly (readonly [Message, Error])[]
}

/** One text for a key; a vendor id is a number, so the first space parts them. */
export const keyText = ({ vendorId, externalId }: OfferKey): string => `${vendorId} ${externalId}`

export const offerKeyOf = ({ source, envelope }: Message): OfferKey => ({
  vendorId: source.vendorId,
  externalId: envelope.externalId
})

/** Folds the facts of a batch into their offers, several of one offer in the order they came. Pure. */
export const planOffers = (
  facts: readonly (readonly [Message, Fact])[],
  stored: ReadonlyMap<string, StoredOffer>
): OfferPlan[] => {
  const groups = Map.groupBy(facts, ([message]) => keyText(offerKeyOf(message)))
  return [...groups].map(([text, group]) => planOffer(group, stored.get(text)))
}

const planOffer = (
  facts: readonly (readonly [Message, Fact])[],
  read: StoredOffer | undefined
): OfferPlan => {
  const key = offerKeyOf((facts[0] as (typeof facts)[number])[0]) // a group has a first member
  const changes: NewOfferChange[] = []
  const outcomes: (readonly [Message, Outcome])[] = []
  const failures: (readonly [Message, Error])[] = []
  let current: OfferState | undefined = read
  let told: OfferState | undefined // the offer as its last change has told it
  for (const [message, fact] of facts) {
    try {
      const { outcome, next, change } = merge(current, fact)
      if (next !== undefined && change !== undefined) {
        const { revision } = next
        told = next
        const { messageId, traceparent } = message.envelope
        changes.push({
          ...key,
          ...change,
          revision,
          stamp: fact.stamp,
          source: fact.source,
          messageId,
          ...(traceparent === undefined ? {} : { traceparent })
        })
      }
      current = next ?? current
      outcomes.push([message, outcome])
    } catch (thrown) {
      failures.push([message, toError(thrown)])
    }
  }
  return {
    key,
    read,
    changes,
    isToldByOffer: changes.length === 1 && changes[0]?.revision === 1 && told === current,
    outcomes,
    failures,
    ...(current === undefined || current === read ? {} : { next: current })
  }
}

/** The changes of a plan as they are written. */
export const changesToStore = ({ changes, isToldByOffer }: OfferPlan): readonly NewOfferChange[] =>
  isToldByOffer ? changes.map(({ units: _units, ...change }) => change) : changes
