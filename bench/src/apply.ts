import { createCache } from '@sluice/shared/cache'
import type { Outcome } from '@sluice/shared/change'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import { findFormat } from '@sluice/shared/formats'
import { createLogger } from '@sluice/shared/log'
import { parseRecord } from '@sluice/shared/records'
import { nowMicros } from '@sluice/shared/time'
import type { Db } from '@sluice/prisma/client'
import { locationsGeneration } from '@sluice/prisma/tables/locations'
import { services } from '../../test/support/services.ts'
import { createWorkshop } from '../../test/support/workshop.ts'
import { createApplier, type Applier } from '../../worker/src/apply.ts'
import { createGeneration } from '../../worker/src/generation.ts'
import { createLocations } from '../../worker/src/locations.ts'
import { toMessage } from '../../worker/src/message.ts'
import { createSources, type Sources } from '../../worker/src/sources.ts'
import { runBench, type Running } from './_bench.ts'
import { kyeroProperty } from './_kyero-feed.ts'

/** Takes a batch and resolves when it is committed. */
type Apply = (envelopes: readonly Envelope[], expected: Outcome) => Promise<void>

interface Contender {
  name: string
  batchSize: number
  apply: Apply
}

const UPSERT = 'prisma.offer.upsert a message'
const BATCH_SIZES = [1, 25, 100]
const nameOf = (batchSize: number): string => `ours, batches of ${batchSize}`

/** Offers of one pass for each of the hands: every size of batch comes out even. */
const PASS_OFFERS = 100

const found = findFormat('kyero')
if (found?.feed === undefined) throw new Error('there is no format "kyero" with a feed')
const kyero = { ...found, feed: found.feed }

/** What a scheduler would publish of the first offers of the feed, as new offers under ids nobody has had. */
const toEnvelopes = (prefix: string, offers: number, run: number): Envelope[] =>
  Array.from({ length: offers }, (_, ordinal) => {
    const bytes = Buffer.from(kyeroProperty(ordinal).trim())
    const record = parseRecord({ bytes }, kyero.feed.records).value as object
    const externalId = `${prefix}-${ordinal}`
    const body = Buffer.from(JSON.stringify({ ...record, id: externalId, price: String(100_000 + run) }))
    const receivedAt = nowMicros()
    return {
      messageId: `${run}.${prefix}.${ordinal}`,
      type: 'record',
      vendor: 'costa',
      source: 'feed',
      format: kyero.name,
      formatVersion: kyero.formatVersion,
      lane: 'feed',
      externalId,
      factAt: receivedAt,
      factAtFrom: 'record',
      receivedAt,
      ordinal,
      recordHash: recordHash(body),
      sourceRevision: 1,
      run: String(run),
      attempt: 0,
      body
    }
  })

const applyBatch =
  (applier: Applier): Apply =>
  async (envelopes, expected) => {
    for (const result of await applier.apply(envelopes)) {
      if ('error' in result) throw result.error
      if (result.outcome !== expected) throw new Error(`an offer was ${result.outcome}, not ${expected}`)
    }
  }

/**
 * What one would write first: the same mapping, then one statement a message. Whoever comes last wins, nothing says
 * what has changed, and no books are kept.
 */
const upsertEach =
  (db: Db, sources: Sources): Apply =>
  async (envelopes) => {
    const settings = await sources.find(['feed'])
    for (const envelope of envelopes) {
      const { meaning, source, stamp } = toMessage(envelope, settings.get(envelope.source))
      if (!('fact' in meaning) || meaning.fact.change.kind !== 'upsert') throw new Error('not an upsert')
      const key = { vendorId: source.vendorId, externalId: envelope.externalId }
      const row = {
        state: 'active',
        content: meaning.fact.change.units as object,
        baseStamp: stamp,
        unitStamps: {},
        sourceStamps: { [source.slug]: stamp },
        rowVersion: 1,
        revision: 1
      }
      await db.sql.offer.upsert({
        where: { vendorId_externalId: key },
        create: { ...key, ...row },
        update: row
      })
    }
  }

/** Batches by `atOnce` hands, as a lane of the worker has them; milliseconds. */
const applyAll = async (
  envelopes: readonly Envelope[],
  { batchSize, apply }: Contender,
  expected: Outcome,
  atOnce: number
): Promise<number> => {
  const batches = Array.from({ length: Math.ceil(envelopes.length / batchSize) }, (_, index) =>
    envelopes.slice(index * batchSize, (index + 1) * batchSize)
  ).values()
  const hand = async (): Promise<void> => {
    for (const batch of batches) await apply(batch, expected) // the hands share one iterator
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: atOnce }, hand))
  return performance.now() - startedAt
}

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'seconds' | 'rounds' | 'at-once'>): Promise<void> => {
  const log = createLogger({ service: 'bench', level: 'silent' })
  const workshop = await createWorkshop()
  cleanup(() => workshop.remove())
  const atOnce = sizes['at-once']
  const db = workshop.database.open(atOnce)
  const cache = createCache({ url: services.redisUrl, namespace: workshop.broker.namespace, log })
  cleanup(() => cache.close())
  const sources = createSources({ db: workshop.database.db, cache, log })
  cleanup(() => sources.stop())
  await sources.watch()
  const generation = createGeneration(() => locationsGeneration(workshop.database.db.sql))
  const locations = createLocations({ db: workshop.database.db, cache, generation: generation.current })
  const apply = applyBatch(createApplier({ db, sources, locations }))
  const contenders: readonly Contender[] = [
    { name: UPSERT, batchSize: 1, apply: upsertEach(db, sources) },
    ...BATCH_SIZES.map((batchSize) => ({ name: nameOf(batchSize), batchSize, apply }))
  ]

  const offers = PASS_OFFERS * atOnce
  let passes = 0
  /** Each offer is created, then its price changes; milliseconds, without making the envelopes. */
  const pass = async (contender: Contender): Promise<number> => {
    passes += 1
    const prefix = `p${passes}`
    const created = await applyAll(toEnvelopes(prefix, offers, 1), contender, 'created', atOnce)
    return created + (await applyAll(toEnvelopes(prefix, offers, 2), contender, 'updated', atOnce))
  }

  for (const contender of contenders) await pass(contender) // whoever is first would pay for everybody's warming up
  note(`${offers} Kyero offers a pass, ${atOnce} batches at once`)
  for (let round = 1; round <= sizes.rounds; round++) {
    for (const contender of contenders) {
      let [rows, ms] = [0, 0]
      while (ms < sizes.seconds * 1_000) {
        ms += await pass(contender)
        rows += 2 * offers
      }
      sample(contender.name, 'rows/s', (rows * 1_000) / ms)
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(nameOf(25), UPSERT, 'rows/s', 2)
  goal(nameOf(100), UPSERT, 'rows/s', 3)
}

await runBench({
  name: 'apply',
  about:
    'from envelope to committed offer, half of them new and half changed: the worker’s applier, with its changes and its books, and a bare upsert a message',
  sizes: {
    seconds: { about: 'how long each works a round', fallback: 2, min: 1, max: 60 },
    rounds: { about: 'how often each works', fallback: 4, min: 1, max: 20 },
    'at-once': { about: 'batches at once, each with a connection', fallback: 2, min: 1, max: 16 }
  },
  run: measure
})
