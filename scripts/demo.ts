import { createDemoOffers } from '@sluice/examples/costa-demo'
import { createDb, type Db } from '@sluice/prisma/client'
import { countOffers, findOffer, listOffers, type OfferRow } from '@sluice/prisma/tables/offers'
import { checkFeedArrived } from './demo/arrived.ts'
import { runFeed, sayOutcomes, type FeedResult } from './demo/feed.ts'
import { createHooks, sendHook, type HookResult } from './demo/hooks.ts'
import { seedDemo, VENDOR, type Demo } from './demo/seed.ts'
import { shorten, toTable } from './demo/table.ts'
import { bold, green, red, step } from './progress.ts'

/** The demo vendor's day: its feed is run, its CRM sends webhooks, and what became of each is printed and checked. */
export const DEMO_OFFERS = 300
const SHOWN_OFFERS = 12

/** Opens the demo's own connections to Postgres. */
export const openDemoDb = (url: string): Db => createDb({ url, poolSize: 2, applicationName: 'sluice-demo' })

export const seed = (db: Db, feedUrl: string): Promise<Demo> =>
  step(
    'demo vendor',
    () => seedDemo(db.sql, feedUrl),
    ({ webhook, feed }) => `webhook ${webhook.slug} (${webhook.format}), feed ${feed.slug} (${feed.format})`
  )

/** Runs all of it against a house that is up. Returns what did not arrive as it should: nothing, if all is well. */
export const runDemo = async (db: Db, demo: Demo, gatewayUrl: string): Promise<string[]> => {
  const sent = createDemoOffers(DEMO_OFFERS)
  const result = await step('feed', ({ note }) => runFeed(db.sql, demo.feed, note), sayOutcomes)
  const patched = sent.find((offer) => offer.priceFrequency === 'sale' && offer.type === 'villa')
  if (patched === undefined) throw new Error('the demo feed has no villa for sale')
  const problems = await checkFeedArrived(db.sql, demo.vendorId, sent, result, new Set([patched.id]))

  const sender = { gatewayUrl, source: demo.webhook.slug, key: demo.key, sql: db.sql }
  const hooks = createHooks({
    label: `web-${new Date().toISOString().slice(5, 19).replaceAll(/\D/g, '')}`,
    patched: { id: patched.id, amount: await lowered(db, patched.id) }
  })
  const results = await step(
    'webhooks',
    () => inTurn(hooks, (hook) => sendHook(sender, hook)),
    () => `${hooks.length} sent`
  )
  for (const { problem } of results) if (problem !== undefined) problems.push(problem)

  printHooks(results)
  await printOffers(db, result)
  return problems
}

/** One per cent less than it costs now, so that the patch is news at every start. */
const lowered = async (db: Db, externalId: string): Promise<number> => {
  const price = (await findOffer(db.sql, VENDOR, externalId))?.content.listPrice
  return price !== undefined && 'amount' in price ? Math.floor(Number(price.amount) * 0.99) : 1
}

const inTurn = async <T, R>(values: readonly T[], work: (value: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = []
  for (const value of values) results.push(await work(value))
  return results
}

const printHooks = (results: readonly HookResult[]): void => {
  const rows = results.map(({ hook, status, code, deliveries, problem }) => [
    problem === undefined ? green('✓') : red('✗'),
    hook.title,
    String(status),
    code ?? deliveries.map(({ outcome }) => outcome).join(', '),
    deliveries.flatMap(({ message }) => (message ? [shorten(message, 60)] : [])).join('; ')
  ])
  console.log(`\n${toTable(['', 'webhook', 'answer', 'became', 'because'], rows)}`)
}

const printOffers = async (db: Db, { run }: FeedResult): Promise<void> => {
  const [active, withdrawn] = await Promise.all(
    (['active', 'withdrawn'] as const).map((state) => countOffers(db.sql, { vendorSlug: VENDOR, state }))
  )
  const offers = await listOffers(db.sql, { vendorSlug: VENDOR, limit: 500 })
  const newest = offers
    .toSorted((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime())
    .slice(0, SHOWN_OFFERS)
  const head = ['offer', 'state', 'place', 'property', 'price', 'beds', 'm²', 'images', 'texts', 'rev']
  console.log(`\n${toTable(head, newest.map(toRow))}`)
  console.log(
    `\n  ${bold(`${active} active`)}, ${withdrawn} withdrawn; these changed last (run ${run.id} of the feed)`
  )
}

const toRow = ({ externalId, state, content, revision }: OfferRow): string[] => [
  externalId,
  state,
  shorten([content.location?.city, content.location?.stateOrProvince].filter(Boolean).join(', '), 32),
  content.propertyType?.subType ?? content.propertyType?.type ?? '',
  priceOf(content),
  String(content.rooms?.bedroomsTotal ?? ''),
  content.livingArea?.value ?? content.buildingArea?.value ?? content.lotSize?.value ?? '',
  String(content.media?.length ?? 0),
  Object.keys(content)
    .flatMap((unit) => (unit.startsWith('text.') ? [unit.slice(5)] : []))
    .join(' '),
  String(revision)
]

const priceOf = ({ listPrice }: OfferRow['content']): string => {
  if (listPrice === undefined) return ''
  if (!('amount' in listPrice)) return 'on request'
  const { amount, currency, period } = listPrice
  const money = new Intl.NumberFormat('en', { style: 'currency', currency, maximumFractionDigits: 0 })
  return `${money.format(Number(amount))}${period === 'total' ? '' : `/${period}`}`
}
