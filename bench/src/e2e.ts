import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPrivateServices } from '../../test/support/private-services.ts'
import { runBench, type Running } from './_bench.ts'
import { kyeroProperty, repricedProperty, writeKyeroFile } from './_kyero-feed.ts'
import { createObvious } from './_obvious-pipeline.ts'
import { createOurs } from './_our-pipeline.ts'
import type { Pipeline, PipelineOptions } from './_pipeline.ts'

const OURS = 'ours'
const OBVIOUS = 'obvious'
const [COLD, UNCHANGED, CHANGED] = ['cold', 'unchanged', '1 % changed']
const CHANGED_EVERY = 100

type Prices = ReadonlyMap<string, string>

/** What a file says of its offers is kept beside it: nobody wins by doing less. */
const writeFeed = async (
  file: string,
  offers: number,
  propertyOf: (index: number) => string
): Promise<{ file: string; bytes: number; prices: Prices }> => {
  const prices = new Map<string, string>()
  const properties = function* (): Generator<string> {
    for (let index = 0; index < offers; index++) {
      const property = propertyOf(index)
      const [, id = '', price = ''] = /<id>(\d+)<[^]*?<price>(\d+)</.exec(property) ?? []
      prices.set(id, price)
      yield property
    }
  }
  const { bytes } = await writeKyeroFile(file, properties())
  if (prices.size !== offers) throw new Error(`${prices.size} of ${offers} offers have an id and a price`)
  return { file, bytes, prices }
}

const assertPrices = async (name: string, { db }: Pipeline, prices: Prices): Promise<void> => {
  const rows = await db.sql.$queryRaw<{ id: string; price: string | null }[]>`
    SELECT external_id AS id, content->'listPrice'->>'amount' AS price FROM offers WHERE state = 'active'`
  const wrong = rows.find(({ id, price }) => price !== prices.get(id))
  if (rows.length !== prices.size) throw new Error(`${name}: ${rows.length} of ${prices.size} offers`)
  if (wrong !== undefined)
    throw new Error(`${name}: offer ${wrong.id} costs ${prices.get(wrong.id)}, not ${wrong.price}`)
}

/** All content is the same on both sides, but for the presence that only ours keeps. */
const assertSame = async (phase: string, pipelines: readonly Pipeline[]): Promise<void> => {
  const digests = await Promise.all(
    pipelines.map(async ({ db }) => {
      const [row] = await db.sql.$queryRaw<{ digest: string }[]>`
        SELECT md5(string_agg(md5((content - 'presence')::text), '' ORDER BY external_id)) AS digest FROM offers`
      return row?.digest
    })
  )
  if (new Set(digests).size > 1) throw new Error(`${phase}: the offers differ`)
}

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'offers' | 'rounds'>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  cleanup(() => rm(folder, { recursive: true, force: true }))
  const first = await writeFeed(join(folder, 'first.xml'), sizes.offers, kyeroProperty)
  const later = await writeFeed(join(folder, 'later.xml'), sizes.offers, (index) =>
    index % CHANGED_EVERY === 0 ? repricedProperty(index) : kyeroProperty(index)
  )
  note(`${sizes.offers.toLocaleString('en')} offers, ${(first.bytes / 1e6).toFixed(0)} MB`)
  const phases = [
    { phase: COLD, feed: first },
    { phase: UNCHANGED, feed: first },
    { phase: CHANGED, feed: later }
  ]

  const { postgres, rabbit, redis } = await startPrivateServices(cleanup)
  const file = join(folder, 'feed.xml')
  const create = async (
    name: string,
    make: (options: PipelineOptions) => Promise<Pipeline>
  ): Promise<{ name: string; pipeline: Pipeline }> => {
    const pipeline = await make({
      file,
      offers: sizes.offers,
      postgresUrl: postgres.url,
      rabbitUrl: rabbit.url,
      redisUrl: redis.url,
      note: (progress) => note(`  ${name}: ${progress}`)
    })
    cleanup(() => pipeline.close())
    return { name, pipeline }
  }

  for (let round = 1; round <= sizes.rounds; round++) {
    const both = [await create(OURS, createOurs), await create(OBVIOUS, createObvious)]
    for (const { phase, feed } of phases) {
      if (phase !== UNCHANGED) await copyFile(feed.file, file)
      for (const { name, pipeline } of round % 2 === 1 ? both : both.toReversed()) {
        const { ms, peakMb } = await pipeline.pass()
        await assertPrices(`${name}, ${phase}`, pipeline, feed.prices)
        sample(`${name}, ${phase}`, 'offers/s', (sizes.offers * 1_000) / ms)
        sample(`${name}, ${phase}`, 'seconds', ms / 1_000)
        sample(`${name}, ${phase}`, 'reader peak MB', peakMb)
        note(`round ${round} of ${sizes.rounds}: ${name}, ${phase}, ${(ms / 1_000).toFixed(1)} s`)
      }
      await assertSame(
        phase,
        both.map(({ pipeline }) => pipeline)
      )
    }
  }
  goal(`${OURS}, ${COLD}`, `${OBVIOUS}, ${COLD}`, 'offers/s', 8)
  goal(`${OURS}, ${CHANGED}`, `${OBVIOUS}, ${CHANGED}`, 'offers/s', 50)
}

await runBench({
  name: 'e2e',
  about:
    'the file of a feed to committed rows, cold, with the same file and with 1 % of it changed: ours (one scheduler, two workers) beside the obvious pipeline (the whole file parsed, every record published, one Prisma upsert a message)',
  sizes: {
    offers: { about: 'offers of the feed', fallback: 100_000, min: 100, max: 100_000 },
    rounds: {
      about: 'how often each begins anew; a full round takes the obvious one minutes',
      fallback: 3,
      min: 1,
      max: 20
    }
  },
  run: measure
})
