import type { OfferContent, OfferText } from '@sluice/shared/offer'
import type { OfferRow } from '@sluice/prisma/tables/offers'
import type { Explanation } from './explain.ts'
import { renderFields, renderTable, toned, type Cell, type Screen } from './render.ts'
import { ELLIPSIS, formatCount, truncate } from './text.ts'
import { toTableWhen, toWhen } from './when.ts'

/** How offers are shown, as text and as documents. Pure. */

/** The longest a value is shown where it is not the point. */
const SHORT_VALUE = 300
/** Of a list, where it is not the point. */
const LISTED = 3

export const toOfferDocument = (offer: OfferRow): Record<string, unknown> => ({
  vendor: offer.vendorSlug,
  id: offer.externalId,
  state: offer.state,
  revision: offer.revision,
  createdAt: offer.createdAt,
  updatedAt: offer.updatedAt,
  content: offer.content
})

export const toExplanationDocument = (
  offer: OfferRow,
  { units, history, unexplained }: Explanation
): Record<string, unknown> => ({
  offer: toOfferDocument(offer),
  units: units.map(({ unit, value, old, source, messageId, ...rest }) => ({
    unit,
    value: value ?? null,
    old: old ?? null,
    source: source ?? null,
    messageId: messageId ?? null,
    ...rest
  })),
  history: history.map((entry) => ({
    revision: entry.revision,
    kind: entry.kind,
    unit: entry.unit,
    old: entry.old ?? null,
    new: entry.new ?? null,
    source: entry.source,
    messageId: entry.messageId,
    factAt: entry.factAt,
    writtenAt: entry.writtenAt
  })),
  unexplained
})

export const renderOffers = (offers: readonly OfferRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'VENDOR', shrinkTo: 6, drop: 2 },
      { title: 'ID', shrinkTo: 24 },
      { title: 'STATE' },
      { title: 'WHAT', shrinkTo: 20 },
      { title: 'PRICE', align: 'right' },
      { title: 'WHERE', shrinkTo: 8, drop: 1 },
      { title: 'CHANGED', drop: 3 }
    ],
    offers.map((offer) => [
      offer.vendorSlug,
      offer.externalId,
      stateOf(offer),
      whatOf(offer.content),
      priceOf(offer.content),
      offer.content.location?.city ?? offer.content.location?.country ?? '',
      toTableWhen(offer.updatedAt, now)
    ]),
    screen
  )

export const renderOffer = (
  offer: OfferRow,
  expiresAt: Date | undefined,
  now: Date,
  screen: Screen
): string =>
  [
    renderFields(
      [
        ['offer', toned(offer.externalId, 'strong')],
        ['vendor', offer.vendorSlug],
        ['state', stateOf(offer)],
        ['revision', String(offer.revision)],
        ['created', toWhen(offer.createdAt, now)],
        ['changed', toWhen(offer.updatedAt, now)],
        ...(expiresAt === undefined ? [] : [['expires', toWhen(expiresAt, now)] as const])
      ],
      screen
    ),
    renderFields(
      Object.entries(offer.content)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([unit, value]) => [unit, formatValue(value, '\n')] as const),
      screen
    )
  ].join('\n\n')

export const renderExplanation = (
  offer: OfferRow,
  { units, history, unexplained }: Explanation,
  now: Date,
  screen: Screen
): string =>
  [
    `Offer ${offer.externalId} of ${offer.vendorSlug}: ${offer.state}, revision ${offer.revision}.`,
    '',
    'What stands there now, and who said so:',
    renderTable(
      [
        { title: 'UNIT' },
        { title: 'VALUE', shrinkTo: 12 },
        { title: 'SET BY', shrinkTo: 8 },
        { title: 'TRUE SINCE' },
        { title: 'REV', align: 'right', drop: 1 }
      ],
      units.map((origin) => [
        origin.unit,
        'value' in origin ? brief(origin.value) : toned('cleared', 'dim'),
        origin.source ?? toned('an earlier patch', 'dim'),
        toTableWhen(origin.factAt, now),
        String(origin.revision)
      ]),
      screen
    ),
    ...(unexplained.length === 0
      ? []
      : ['', `Set further back than was read (--limit): ${unexplained.join(', ')}.`]),
    '',
    'How it came to be:',
    ...revisionsOf(history).map(([head, entries]) =>
      [
        `revision ${head.revision}: ${head.kind} by ${head.source}, true ${toWhen(head.factAt, now)}`,
        `  message ${head.messageId}, written ${toWhen(head.writtenAt, now)}`,
        renderTurns(
          entries.map((entry) => [entry.unit, entry]),
          screen
        )
      ].join('\n')
    )
  ].join('\n')

type Entry = Explanation['history'][number]

const revisionsOf = (
  history: readonly Entry[]
): readonly (readonly [head: Entry, entries: readonly Entry[]])[] =>
  [...Map.groupBy(history, (entry) => entry.revision).values()].flatMap((entries) =>
    entries[0] === undefined ? [] : [[entries[0], entries] as const]
  )

/** A unit before and after; what was not there is absent. */
export interface Turn {
  old?: unknown
  new?: unknown
}

/** A change unit by unit, indented. */
export const renderTurns = (
  units: readonly (readonly [unit: string, turn: Turn])[],
  screen: Screen
): string =>
  indent(
    renderFields(
      units.map(([unit, turn]) => [unit, turnOf(turn)] as const),
      { ...screen, width: screen.width - 2 }
    )
  )

/** What was there before and after; of what was not there before, only what came. */
const turnOf = (turn: Turn): string =>
  'old' in turn ? `${sideOf(turn, 'old')} → ${sideOf(turn, 'new')}` : sideOf(turn, 'new')

const sideOf = (turn: Turn, side: 'old' | 'new'): string => (side in turn ? brief(turn[side]) : 'nothing')

const brief = (value: unknown): string => truncate(formatValue(value, ', '), SHORT_VALUE)

/** A unit's value for people: `250,000 EUR`, `120 m2`, `city Altea, country Spain`. Lists of things are counted. */
const formatValue = (value: unknown, between: string): string => {
  if (Array.isArray(value)) return formatList(value, between)
  if (typeof value === 'object' && value !== null) {
    const short = formatMeasure(value as Record<string, unknown>)
    if (short !== undefined) return short
    return Object.entries(value)
      .map(([name, each]) => `${name} ${formatLeaf(each)}`)
      .join(between)
  }
  return formatLeaf(value)
}

const formatList = (values: readonly unknown[], between: string): string => {
  if (values.length === 0) return 'none'
  const items = values.map((value) =>
    typeof value === 'object' && value !== null && 'url' in value ? String(value.url) : formatLeaf(value)
  )
  if (between === '\n') return items.join('\n')
  const more = items.length > LISTED ? `, ${ELLIPSIS}` : ''
  return `${formatCount(items.length)}: ${items.slice(0, LISTED).join(', ')}${more}`
}

const formatLeaf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '')

const stateOf = (offer: OfferRow): Cell =>
  toned(offer.state, offer.state === 'active' ? 'good' : offer.state === 'withdrawn' ? 'dim' : 'warn')

const whatOf = (content: OfferContent): string => {
  const kind = [content.propertyType?.type, content.transaction]
    .filter((word) => word !== undefined)
    .join(', ')
  const title = titleOf(content)
  return title === undefined ? kind : kind === '' ? title : `${kind}: ${title}`
}

/** The English title, else the first there is. */
const titleOf = (content: OfferContent): string | undefined => {
  const texts = Object.entries(content).filter(([unit]) => unit.startsWith('text.')) as [string, OfferText][]
  const english = texts.find(([unit]) => unit === 'text.en')
  return (english ?? texts[0])?.[1].title
}

const priceOf = ({ listPrice }: OfferContent): string =>
  listPrice === undefined ? '' : (formatMeasure(listPrice) ?? '')

/** Values that people write as one: a price, an area, a place on the map. */
const formatMeasure = (value: Readonly<Record<string, unknown>>): string | undefined => {
  const { amount, currency, period, onRequest, value: size, unit, latitude, longitude } = value
  if (onRequest === true) return 'on request'
  if (typeof amount === 'string' && typeof currency === 'string') {
    return `${grouped(amount)} ${currency}${typeof period === 'string' && period !== 'total' ? `/${period}` : ''}`
  }
  if (typeof size === 'string' && typeof unit === 'string') return `${grouped(size)} ${unit}`
  return typeof latitude === 'number' && typeof longitude === 'number'
    ? `${latitude}, ${longitude}`
    : undefined
}

/** `1,250,000.50`, from a decimal string that never was a float. */
const grouped = (decimal: string): string => {
  const [whole = '', fraction] = decimal.split('.')
  return `${whole.replaceAll(/\B(?=(\d{3})+$)/g, ',')}${fraction === undefined ? '' : `.${fraction}`}`
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ')
