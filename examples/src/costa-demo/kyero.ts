import { describe } from './texts.ts'
import type { DemoOffer } from './offers.ts'

/** The demo offers as a Kyero v3 file, piece by piece: a million of them need no more memory than one. */
export const toKyero = function* (offers: Iterable<DemoOffer>): Generator<string> {
  yield '<?xml version="1.0" encoding="UTF-8"?>\n<root>\n  <kyero>\n    <feed_version>3</feed_version>\n  </kyero>\n'
  for (const offer of offers) yield toProperty(offer)
  yield '</root>\n'
}

const toProperty = (offer: DemoOffer): string => {
  const lines = [
    element('id', offer.id),
    element('date', offer.updatedAt),
    element('ref', offer.reference),
    element('price', offer.price),
    element('currency', 'EUR'),
    element('price_freq', offer.priceFrequency),
    element('new_build', offer.newBuild ? 1 : 0),
    element('type', offer.type),
    element('town', offer.town),
    element('province', offer.province),
    element('country', 'Spain'),
    group('location', [element('latitude', offer.latitude), element('longitude', offer.longitude)]),
    element('location_detail', offer.district),
    element('beds', offer.beds),
    element('baths', offer.baths),
    element('pool', offer.pool ? 1 : 0),
    group('surface_area', [
      ...(offer.built > 0 ? [element('built', offer.built)] : []),
      ...(offer.plot > 0 ? [element('plot', offer.plot)] : [])
    ]),
    ...(offer.energyRating === undefined
      ? []
      : [group('energy_rating', [element('consumption', offer.energyRating)])]),
    group(
      'url',
      offer.languages.map((language) =>
        element(
          language,
          `https://www.costa-demo.example/${language}/property?ref=${offer.reference}&source=feed`
        )
      )
    ),
    group(
      'desc',
      offer.languages.map((language) => element(language, describe(offer, language)))
    ),
    group(
      'features',
      offer.features.map((feature) => element('feature', feature))
    ),
    group(
      'images',
      offer.images.map((url, index) => `<image id="${index + 1}">${element('url', url)}</image>`)
    )
  ]
  return `  <property>\n${lines.map((line) => `    ${line}\n`).join('')}  </property>\n`
}

const element = (name: string, value: string | number): string =>
  `<${name}>${escape(String(value))}</${name}>`

const group = (name: string, children: readonly string[]): string => `<${name}>${children.join('')}</${name}>`

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
