import { Option, type Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import { findExpiry } from '@sluice/prisma/tables/expiries'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import {
  countOffers,
  findOffer,
  listOffers,
  OFFER_STATES,
  type OfferFilter,
  type OfferRow
} from '@sluice/prisma/tables/offers'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError, UsageError } from '../errors.ts'
import { explain } from '../explain.ts'
import * as input from '../input.ts'
import { vendorNamed } from '../lookup.ts'
import {
  renderExplanation,
  renderOffer,
  renderOffers,
  toExplanationDocument,
  toOfferDocument
} from '../offer-view.ts'
import { counted, formatCount } from '../text.ts'
import { addOfferChanges } from './offer-changes.ts'

interface ListOptions {
  vendor?: string
  state?: (typeof OFFER_STATES)[number]
  limit: number
  after?: string
}

/** `sluice offers`: what became of everything vendors sent. */
export const addOffers = (program: Command, context: Context): void => {
  const { out, sql } = context
  const offers = program
    .command('offers')
    .summary('what became of everything vendors sent')
    .description(
      "Offers, each unique by its vendor and the vendor's own id. All sources of a vendor write the same offer; for " +
        'each of its units the newest fact wins.'
    )

  withExamples(
    offers
      .command('list')
      .summary('list offers')
      .description(
        'Lists offers in the order of their ids, a page at a time. Incomplete ones (a patch came before the offer ' +
          'itself) show only when asked for.'
      )
      .option('--vendor <slug>', 'only of this vendor')
      .addOption(new Option('--state <state>', 'only in this state').choices(OFFER_STATES))
      .option('--limit <count>', 'how many', input.limit, 50)
      .option('--after <id>', 'those after this id; needs --vendor')
      .action(async (options: ListOptions) => {
        const store = await sql()
        const { filter, page } = await pageOf(store, options)
        const rows = await listOffers(store, { ...page, limit: options.limit + 1 })
        const shown = rows.slice(0, options.limit)
        const next = rows.length > options.limit ? shown.at(-1) : undefined
        const total = await countOffers(store, filter)
        out.answer(
          { offers: shown.map(toOfferDocument), total, next: next === undefined ? null : next.externalId },
          (screen) =>
            shown.length === 0
              ? 'No offers match.'
              : `${renderOffers(shown, out.now, screen)}\n${formatCount(shown.length)} of ${counted(total, 'offer')}`
        )
        if (next !== undefined) {
          out.note(
            `More: sluice offers list --vendor ${next.vendorSlug} --after ${shellWord(next.externalId)}`
          )
        }
      }),
    ['sluice offers list --vendor acme', "one vendor's"],
    ['sluice offers list --state withdrawn --limit 10', 'ten that are gone'],
    ["sluice offers list --json | jq -r '.offers[].content.listPrice.amount'", 'for a script']
  )

  withExamples(
    offers
      .command('show')
      .summary('show an offer as it is now')
      .description(
        'Shows an offer, unit by unit, as it is now, and until when it is there if its record says so.'
      )
      .argument('<vendor>', 'slug of its vendor')
      .argument('<id>', "the vendor's own id")
      .action(async (vendorSlug: string, externalId: string) => {
        const store = await sql()
        const offer = await offerNamed(store, vendorSlug, externalId)
        const expiresAt = await findExpiry(store, offer)
        out.answer({ offer: { ...toOfferDocument(offer), expiresAt: expiresAt ?? null } }, (screen) =>
          renderOffer(offer, expiresAt, out.now, screen)
        )
      }),
    ['sluice offers show acme 4711', 'offer 4711 of acme'],
    ["sluice offers show acme 4711 --json | jq '.offer.content.media'", 'its images']
  )

  withExamples(
    offers
      .command('explain')
      .summary('why does this offer look like this?')
      .description(
        'Says for every unit of an offer which source set it, when that was true and in which revision, and then ' +
          'tells its history: every change with what was there before and after.'
      )
      .argument('<vendor>', 'slug of its vendor')
      .argument('<id>', "the vendor's own id")
      .option('--unit <name>', 'only this unit, like listPrice; `text` for every language')
      .option('--limit <count>', 'how many changes to read, from the newest', input.limit, 1000)
      .action(async (vendorSlug: string, externalId: string, options: { unit?: string; limit: number }) => {
        const store = await sql()
        const offer = await offerNamed(store, vendorSlug, externalId)
        const changes = await listChanges(store, vendorSlug, externalId, { limit: options.limit })
        const explanation = explain(offer, changes, options.unit)
        if (options.unit !== undefined && explanation.units.length + explanation.unexplained.length === 0) {
          throw new CommandError(
            'UNIT_UNKNOWN',
            `Nothing ever set "${options.unit}" of this offer. It has: ${Object.keys(offer.content).toSorted().join(', ')}.`
          )
        }
        out.answer(toExplanationDocument(offer, explanation), (screen) =>
          renderExplanation(offer, explanation, out.now, screen)
        )
      }),
    ['sluice offers explain acme 4711', 'all of it'],
    ['sluice offers explain acme 4711 --unit listPrice', 'who set the price, and what it was before']
  )

  addOfferChanges(offers, context)

  withExamples(
    offers,
    ['sluice offers list --vendor acme', "one vendor's"],
    ['sluice offers show acme 4711', 'one as it is now'],
    ['sluice offers explain acme 4711', 'and why it is so'],
    ['sluice offers changes --follow', 'what changes from now on']
  )
}

type Page = Parameters<typeof listOffers>[1]

const pageOf = async (sql: Sql, options: ListOptions): Promise<{ filter: OfferFilter; page: Page }> => {
  const vendor = options.vendor === undefined ? undefined : await vendorNamed(sql, options.vendor)
  if (options.after !== undefined && vendor === undefined) {
    throw new UsageError(
      'AFTER_NEEDS_VENDOR',
      'An id alone is no place in the list: give --vendor with --after.'
    )
  }
  const filter = {
    ...(vendor === undefined ? {} : { vendorSlug: vendor.slug }),
    ...(options.state === undefined ? {} : { state: options.state })
  }
  return vendor === undefined || options.after === undefined
    ? { filter, page: filter }
    : { filter, page: { ...filter, after: { vendorId: vendor.id, externalId: options.after } } }
}

const offerNamed = async (sql: Sql, vendorSlug: string, externalId: string): Promise<OfferRow> => {
  const found = await findOffer(sql, vendorSlug, externalId)
  if (found !== undefined) return found
  await vendorNamed(sql, vendorSlug)
  throw new CommandError(
    'OFFER_UNKNOWN',
    `No offer "${externalId}" of ${vendorSlug}. \`sluice offers list --vendor ${vendorSlug}\` shows those there are; ` +
      '`sluice rejections list` those that could not be applied.'
  )
}

/** An id as a shell takes it. */
const shellWord = (text: string): string =>
  /^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
