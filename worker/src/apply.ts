import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from '@sluice/shared/change'
import type { Envelope } from '@sluice/shared/envelope'
import { ConflictError, DataError, toError, type RecordError } from '@sluice/shared/errors'
import type { Fact } from '@sluice/shared/merge'
import type { Db } from '@sluice/prisma/client'
import { appendChanges, type NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import { readOffers, writeOffers } from '@sluice/prisma/tables/offers'
import { decide } from './decide.ts'
import { documentsOf, type ToJson } from './documents.ts'
import { toLedger, writeLedger, type Entry } from './ledger.ts'
import type { Locations } from './locations.ts'
import { toMessage, type Message } from './message.ts'
import { placeOf } from './place.ts'
import { changesToStore, keyText, offerKeyOf, planOffers, type OfferPlan } from './plan.ts'
import type { Sources, SourceSettings } from './sources.ts'
import { toStoredOffers } from './stored.ts'

/** What became of one envelope: an outcome that is committed, or the error for `settle.ts` to decide about. */
export type Result =
  | { outcome: Outcome; problem?: RecordError | DataError; record?: unknown }
  | { error: Error; source?: SourceSettings | undefined }

export interface Applier {
  /** One result an envelope, in their order. Never rejects. */
  apply: (envelopes: readonly Envelope[]) => Promise<Result[]>
}

export interface ApplierDeps {
  db: Pick<Db, 'direct'>
  sources: Sources
  locations: Locations
  /** Hears which changes of offers have been committed, each with its units. */
  onChanges?: (changes: readonly NewOfferChange[], toJson: ToJson) => void
  /** Gives an envelope its meaning; `message.ts`, unless a drill puts its own fault in. */
  interpret?: typeof toMessage
}

const PAUSE_MAX_MS = 200

export const createApplier = ({
  db,
  sources,
  locations,
  onChanges,
  interpret = toMessage
}: ApplierDeps): Applier => ({
  apply: async (envelopes) => {
    const results = new Map<Envelope, Result>()
    const settle = ({ envelope }: Message, result: Result): void => void results.set(envelope, result)
    const isOpen = ({ envelope }: Message): boolean => !results.has(envelope)

    /** One attempt: everything that can be decided is committed and settled; lost races are a ConflictError. */
    const writeOnce = async (messages: readonly Message[]): Promise<void> => {
      const plans = await plansOf(db, messages)
      for (const [message, error] of plans.flatMap(({ failures }) => failures)) {
        settle(message, { error, source: message.source })
      }
      const offers = await toStoredOffers(plans, locations)
      const toJson = documentsOf(plans)
      const rejected = messages.flatMap(rejectionOf)
      const done = await db.direct.transaction(async (tx) => {
        const written = new Set((await writeOffers(tx, offers, toJson)).map(keyText))
        const won = plans.filter(({ next, key }) => next === undefined || written.has(keyText(key)))
        await appendChanges(tx, won.flatMap(changesToStore))
        const applied = won.flatMap(({ outcomes }) =>
          outcomes.map(([message, outcome]) => ({ message, outcome }))
        )
        const entries: readonly Entry[] = [...rejected, ...applied]
        await writeLedger(tx, toLedger(entries))
        return { applied, won }
      })
      const changes = done.won.flatMap((plan) => plan.changes)
      if (changes.length > 0) onChanges?.(changes, toJson)
      for (const { message, outcome } of done.applied) settle(message, { outcome })
      for (const { message, problem } of rejected) settle(message, rejection(message, problem))
      if (done.won.length < plans.length) {
        throw new ConflictError('OFFER_CONTENDED', 'Another worker wrote the same offers first')
      }
    }

    const write = async (messages: readonly Message[]): Promise<void> => {
      for (let conflicts = 0; ; conflicts++) {
        try {
          return await writeOnce(messages.filter(isOpen))
        } catch (thrown) {
          if (decide(toError(thrown), { conflicts }).do !== 'again') throw thrown
          await sleep(Math.random() * Math.min(PAUSE_MAX_MS, 10 * 2 ** conflicts))
        }
      }
    }

    /** Halves what fails, down to the guilty message: its neighbours are applied as if it had not been there. */
    const writeOrHalve = async (messages: readonly Message[], isSecondTry = false): Promise<void> => {
      try {
        await write(messages)
      } catch (thrown) {
        const error = toError(thrown)
        const open = messages.filter(isOpen)
        const [first] = open
        if (first === undefined) return
        const decision = decide(error)
        if (decision.do === 'hold') {
          for (const message of open) settle(message, { error, source: message.source })
        } else if (error instanceof DataError && !isSecondTry) {
          await forgetPlaces(locations, open)
          await writeOrHalve(open, true)
        } else if (open.length === 1) {
          settle(first, await resultOfGuilty(db, first, error))
        } else {
          const middle = Math.ceil(open.length / 2)
          await writeOrHalve(open.slice(0, middle), isSecondTry)
          await writeOrHalve(open.slice(middle), isSecondTry)
        }
      }
    }

    const messages = await messagesOf(envelopes, sources, interpret, results)
    try {
      if (messages.length > 0) await writeOrHalve(messages)
    } catch (thrown) {
      for (const message of messages.filter(isOpen)) {
        settle(message, { error: toError(thrown), source: message.source })
      }
    }
    return envelopes.map(
      (envelope) => results.get(envelope) ?? { error: new Error('The envelope was left without a result') }
    )
  }
})

const messagesOf = async (
  envelopes: readonly Envelope[],
  sources: Sources,
  interpret: typeof toMessage,
  results: Map<Envelope, Result>
): Promise<Message[]> => {
  let settings: ReadonlyMap<string, SourceSettings>
  try {
    settings = await sources.find([...new Set(envelopes.map(({ source }) => source))])
  } catch (thrown) {
    for (const envelope of envelopes) results.set(envelope, { error: toError(thrown) })
    return []
  }
  return envelopes.flatMap((envelope) => {
    const source = settings.get(envelope.source)
    try {
      return [interpret(envelope, source)]
    } catch (thrown) {
      results.set(envelope, { error: toError(thrown), source })
      return []
    }
  })
}

const plansOf = async (db: Pick<Db, 'direct'>, messages: readonly Message[]): Promise<OfferPlan[]> => {
  const facts = messages.flatMap((message): (readonly [Message, Fact])[] =>
    'fact' in message.meaning ? [[message, message.meaning.fact]] : []
  )
  const keys = new Map(facts.map(([message]) => [keyText(offerKeyOf(message)), offerKeyOf(message)]))
  const stored = await readOffers(db.direct.sql, [...keys.values()])
  return planOffers(facts, new Map(stored.map((offer) => [keyText(offer), offer])))
}

const rejectionOf = (message: Message): { message: Message; outcome: 'rejected'; problem: RecordError }[] =>
  'problem' in message.meaning ? [{ message, outcome: 'rejected', problem: message.meaning.problem }] : []

const rejection = ({ record }: Message, problem: RecordError | DataError): Result => ({
  outcome: 'rejected',
  problem,
  ...(record === undefined ? {} : { record })
})

/** A foreign key may have failed over an id that a cache kept longer than the table did: it is asked for anew. */
const forgetPlaces = async (locations: Locations, messages: readonly Message[]): Promise<void> => {
  const keys = messages.flatMap(({ meaning }) => {
    if (!('fact' in meaning) || !('units' in meaning.fact.change)) return []
    const { location } = meaning.fact.change.units
    return location === undefined ? [] : [placeOf(location).key]
  })
  await locations.forget([...new Set(keys)])
}

/** The database refuses the data: a rejection. Anything else is not the record's fault. */
const resultOfGuilty = async (db: Pick<Db, 'direct'>, message: Message, error: Error): Promise<Result> => {
  const decision = decide(error)
  if (decision.do !== 'reject') return { error, source: message.source }
  const { problem } = decision
  try {
    await db.direct.transaction((tx) =>
      writeLedger(tx, toLedger([{ message, outcome: 'rejected', problem }]))
    )
    return rejection(message, problem)
  } catch (thrown) {
    const again = toError(thrown)
    // Refused even so: then it is not the record that is wrong, and the ladder gives us time.
    const cause =
      again instanceof DataError ? new Error('The rejection could not be recorded', { cause: again }) : again
    return { error: cause, source: message.source }
  }
}
