import type { DemoOffer } from './offers.ts'

/** What the demo vendor writes about an offer, in the four languages it sells in. */
export type Language = 'en' | 'es' | 'de' | 'nl'

const TYPES: Record<DemoOffer['type'], Record<Language, string>> = {
  villa: { en: 'Villa', es: 'Villa', de: 'Villa', nl: 'Villa' },
  apartment: { en: 'Apartment', es: 'Apartamento', de: 'Wohnung', nl: 'Appartement' },
  penthouse: { en: 'Penthouse', es: 'Ático', de: 'Penthouse', nl: 'Penthouse' },
  'town house': { en: 'Town house', es: 'Casa adosada', de: 'Reihenhaus', nl: 'Rijtjeshuis' },
  bungalow: { en: 'Bungalow', es: 'Bungalow', de: 'Bungalow', nl: 'Bungalow' },
  'country house': { en: 'Country house', es: 'Casa de campo', de: 'Landhaus', nl: 'Landhuis' },
  plot: { en: 'Building plot', es: 'Parcela', de: 'Baugrundstück', nl: 'Bouwgrond' }
}

type Sentences = (offer: DemoOffer, name: string) => string

const SALE: Record<Language, Sentences> = {
  en: (o, name) => `${name} for sale in ${o.district}, ${o.town}.`,
  es: (o, name) => `${name} en venta en ${o.district}, ${o.town}.`,
  de: (o, name) => `${name} zu verkaufen in ${o.district}, ${o.town}.`,
  nl: (o, name) => `${name} te koop in ${o.district}, ${o.town}.`
}

const RENT: Record<Language, Sentences> = {
  en: (o, name) => `${name} to rent in ${o.district}, ${o.town}.`,
  es: (o, name) => `${name} en alquiler en ${o.district}, ${o.town}.`,
  de: (o, name) => `${name} zu vermieten in ${o.district}, ${o.town}.`,
  nl: (o, name) => `${name} te huur in ${o.district}, ${o.town}.`
}

const ROOMS: Record<Language, Sentences> = {
  en: (o) => `${o.beds} bedrooms & ${o.baths} bathrooms on ${o.built} m².`,
  es: (o) => `${o.beds} dormitorios y ${o.baths} baños en ${o.built} m².`,
  de: (o) => `${o.beds} Schlafzimmer und ${o.baths} Bäder auf ${o.built} m² Wohnfläche.`,
  nl: (o) => `${o.beds} slaapkamers en ${o.baths} badkamers op ${o.built} m².`
}

const PLOT: Record<Language, Sentences> = {
  en: (o) => `Plot of ${o.plot} m² with water and electricity at the road.`,
  es: (o) => `Parcela de ${o.plot} m² con agua y luz a pie de calle.`,
  de: (o) => `Grundstück von ${o.plot} m², Wasser und Strom liegen an.`,
  nl: (o) => `Perceel van ${o.plot} m² met water en elektriciteit aan de straat.`
}

const POOL: Record<Language, string> = {
  en: "The pool catches the sun until evening, and it's a short walk to the sea.",
  es: 'La piscina recibe sol hasta la tarde y el mar está a un paseo.',
  de: 'Der Pool liegt bis zum Abend in der Sonne, das Meer ist zu Fuß erreichbar.',
  nl: 'Het zwembad heeft zon tot in de avond en de zee is op loopafstand.'
}

/** The description of an offer in one language: two or three sentences of an estate agent. */
export const describe = (offer: DemoOffer, language: Language): string => {
  const name = TYPES[offer.type][language]
  const opening = (offer.priceFrequency === 'month' ? RENT : SALE)[language](offer, name)
  const facts = offer.type === 'plot' ? PLOT[language](offer, name) : ROOMS[language](offer, name)
  return [opening, facts, ...(offer.pool ? [POOL[language]] : [])].join(' ')
}
