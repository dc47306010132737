import type { DemoOffer } from '@sluice/examples/costa-demo'
import type { Sql } from '@sluice/prisma/client'
import { readOffers, type StoredOffer } from '@sluice/prisma/tables/offers'
import type { FeedResult } from './feed.ts'

/** Compares what the feed offered with what is stored: every offer, field by field. Returns what differs. */
export const checkFeedArrived = async (
  sql: Sql,
  vendorId: number,
  sent: readonly DemoOffer[],
  { run }: FeedResult,
  /** Offers whose price the demo's CRM has changed since. */
  repriced: ReadonlySet<string>
): Promise<string[]> => {
  const problems: string[] = []
  if (run.state !== 'done')
    problems.push(`the run ended ${run.state}: ${run.errorMessage ?? 'no reason given'}`)
  if (run.recordsSeen !== sent.length) problems.push(`${run.recordsSeen} of ${sent.length} records were read`)

  const keys = sent.map((offer) => ({ vendorId, externalId: offer.id }))
  const stored = new Map((await readOffers(sql, keys)).map((offer) => [offer.externalId, offer]))
  for (const offer of sent) {
    const found = stored.get(offer.id)
    const wrong = found === undefined ? ['missing'] : differences(offer, found, repriced.has(offer.id))
    if (wrong.length > 0) problems.push(`offer ${offer.id}: ${wrong.join(', ')}`)
  }
  return problems
}

const differences = (sent: DemoOffer, { state, content }: StoredOffer, isRepriced: boolean): string[] => {
  const price =
    content.listPrice !== undefined && 'amount' in content.listPrice ? content.listPrice : undefined
  const facts: [string, unknown, unknown][] = [
    ['state', 'active', state],
    ['city', sent.town, content.location?.city],
    ['reference', sent.reference, content.listingId],
    ['bedrooms', sent.beds || undefined, content.rooms?.bedroomsTotal],
    ['latitude', Number(sent.latitude), content.coordinates?.latitude],
    ['images', sent.images.join(' '), content.media?.map(({ url }) => url).join(' ')],
    [
      'languages',
      sent.languages.length,
      Object.keys(content).filter((unit) => unit.startsWith('text.')).length
    ],
    ...(isRepriced ? [] : [['price', String(sent.price), price?.amount] satisfies [string, unknown, unknown]])
  ]
  return facts.flatMap(([name, wanted, got]) =>
    wanted === got ? [] : [`${name} is ${String(got)} and not ${String(wanted)}`]
  )
}
