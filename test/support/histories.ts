import fc from 'fast-check'
import type { SkipQuestion } from '@sluice/prisma/tables/feed-records'
import { createSource, findSources } from '@sluice/prisma/tables/sources'
import {
  fromMessage,
  stampOf,
  toMessage as publishable,
  type Envelope,
  type OutgoingMessage
} from '@sluice/shared/envelope'
import { toMessage } from '../../worker/src/message.ts'
import type { Told } from './model.ts'
import type { Workshop } from './workshop.ts'

/**
 * What three sources of one vendor say of the same offers, as envelopes: a CRM that sends everything by webhook, a feed
 * of the same format, and a portal's feed that knows less of an offer. Their times meet, run backwards and ahead of
 * ours; they patch and withdraw what nobody has seen, repeat themselves, and make mistakes.
 */
export interface History {
  /** Goes on for ever; the same for the same seed. */
  messages: Iterator<OutgoingMessage, never>
  /** What a message comes to as a fact; `undefined` when its record is to be rejected. */
  told: (message: OutgoingMessage) => Told | undefined
  /** The feed `feed`, as the question goes that its runs ask. */
  feed: Omit<SkipQuestion, 'recordHashes'>
  /** What the feed `feed` would send in another run: what it said last of every offer, as of that time. */
  rerun: (said: readonly OutgoingMessage[], run: number, factAt: number) => OutgoingMessage[]
}

interface HistoryOptions {
  seed: number
  /** Different offers: few are contended, many are wide. */
  offers: number
}

const CHUNK = 250
/** Messages for one second of the history's time: enough that stamps meet. */
const PER_SECOND = 20

export const createHistory = async (shop: Workshop, options: HistoryOptions): Promise<History> => {
  const { sql } = shop.database.db
  const [crm] = await findSources(sql, ['crm'])
  if (crm === undefined) throw new Error('the workshop has no source crm')
  await createSource(sql, {
    vendorId: crm.vendorId,
    slug: 'portal',
    kind: 'feed',
    format: 'kyero',
    timeZone: 'UTC',
    address: 'https://example.com/kyero.xml'
  })
  const sources = await findSources(sql, ['crm', 'feed', 'portal'])
  const settings = new Map(sources.map((source) => [source.slug, source]))
  const feed = settings.get('feed')
  if (feed === undefined) throw new Error('the workshop has no source feed')
  return {
    messages: tell(shop, options),
    feed: {
      sourceId: feed.id,
      sourceSlug: feed.slug,
      vendorId: crm.vendorId,
      formatVersion: 1,
      sourceRevision: feed.revision
    },
    told: (message) => {
      const envelope = fromMessage(message)
      const { meaning } = toMessage(envelope, settings.get(envelope.source))
      return 'fact' in meaning ? { ...meaning.fact, stamp: stampOf(envelope) } : undefined
    },
    rerun: (said, run, factAt) => {
      const newest = new Map<string, Envelope>()
      for (const envelope of said.map(fromMessage)) {
        const known = newest.get(envelope.externalId)
        const isLater = known === undefined || stampOf(envelope) > stampOf(known)
        if (envelope.source === 'feed' && isLater) newest.set(envelope.externalId, envelope)
      }
      return [...newest.values()]
        .filter(({ type }) => type === 'record')
        .map((envelope, ordinal) =>
          publishable(
            {
              ...envelope,
              messageId: `${run}.${ordinal}`,
              run: String(run),
              ordinal,
              factAt,
              receivedAt: factAt
            },
            shop.broker.topology.exchanges.records
          )
        )
    }
  }
}

function* tell(shop: Workshop, { seed, offers }: HistoryOptions): Generator<OutgoingMessage, never> {
  for (let chunk = 0; ; chunk++) {
    const words = fc.sample(word, { seed: seed + chunk, numRuns: CHUNK })
    for (const [index, { offer, source, said, late, ahead, ordinal }] of words.entries()) {
      const count = chunk * CHUNK + index
      const id = `h${offer % offers}`
      const receivedAt = BASE_S + Math.max(0, Math.floor(count / PER_SECOND) - late)
      const { isGone = false, ...record } = said
      const message = shop.message(
        {
          messageId: source === 'crm' ? `h${seed}-${count}.0` : `${seed}.${count}`,
          source,
          format: source === 'portal' ? 'kyero' : 'sluice',
          lane: source === 'crm' ? 'webhook' : 'feed',
          ordinal,
          // Of a clock that is ahead of ours: clamped to the receipt.
          factAt: (receivedAt + ahead) * 1e6,
          factAtFrom: source === 'feed' ? 'file' : 'record',
          receivedAt: receivedAt * 1e6,
          ...(source === 'crm' ? {} : { run: String(seed) })
        },
        { ...record, id },
        0
      )
      yield isGone ? vanished(message) : message
    }
  }
}

const BASE_S = 1_790_000_000

const vanished = (message: OutgoingMessage): OutgoingMessage => ({
  ...message,
  body: Buffer.alloc(0),
  properties: { ...message.properties, type: 'vanished' }
})

/** What is said of an offer, in the words of its source. */
interface Said {
  isGone?: boolean
  [field: string]: unknown
}

const amount = fc.constantFrom(100_000, 200_000, 300_000)
const words = fc.constantFrom('By the sea', 'In the hills')
const place = { country: 'Spain', city: 'Nerja' }
const whole = {
  transaction: 'sale',
  property: { type: 'apartment' },
  location: place
}
const upsert = fc
  .tuple(amount, fc.option(words), fc.option(fc.integer({ min: 0, max: 3 })))
  .map(([price, en, floor]): Said => ({
    ...whole,
    price: { amount: price, currency: 'EUR' },
    ...(en === null ? {} : { texts: { en: { description: en } } }),
    ...(floor === null ? {} : { floor: { number: floor } })
  }))
const patch = fc.oneof(
  amount.map((price): Said => ({ price: { amount: price, currency: 'EUR', period: 'total' } })),
  words.map((de): Said => ({ texts: { de: { title: de }, en: null } })),
  fc.constantFrom<Said>({ floor: null }, { floor: { number: 7 } }, { status: 'pending' })
)
const reason = fc.constantFrom({}, { reason: 'sold' }, { reason: 'let' }, { reason: 'vanished' })
const ofCrm = fc.oneof(
  { weight: 4, arbitrary: upsert },
  { weight: 5, arbitrary: patch.map((fields): Said => ({ change: 'patch', ...fields })) },
  { weight: 1, arbitrary: reason.map((why): Said => ({ change: 'withdraw', ...why })) },
  { weight: 1, arbitrary: fc.constant<Said>({ ...whole, price: { amount: 'cheap' } }) }
)
const ofFeed = fc.oneof(
  { weight: 5, arbitrary: upsert },
  { weight: 1, arbitrary: fc.constant<Said>({ isGone: true }) }
)
const ofPortal = fc.tuple(amount, words).map(([price, en]): Said => ({
  price: String(price),
  price_freq: 'sale',
  type: 'Apartment',
  town: 'Nerja',
  province: 'Málaga',
  desc: { en }
}))

const common = {
  offer: fc.nat(),
  late: fc.oneof(fc.constant(0), fc.nat({ max: 30 })),
  ahead: fc.integer({ min: -20, max: 10 }),
  ordinal: fc.nat({ max: 2 })
}
const word = fc.oneof(
  { weight: 4, arbitrary: fc.record({ ...common, source: fc.constant('crm' as const), said: ofCrm }) },
  { weight: 2, arbitrary: fc.record({ ...common, source: fc.constant('feed' as const), said: ofFeed }) },
  { weight: 1, arbitrary: fc.record({ ...common, source: fc.constant('portal' as const), said: ofPortal }) }
)
