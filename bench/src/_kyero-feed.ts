import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

/**
 * A Kyero feed of homes nobody sells, described in Spanish and Russian: accents, Cyrillic, entities, CDATA and escaped
 * HTML, some 3 KB a record, as large feeds look. The same bytes every time.
 */
export const kyeroProperty = (index: number): string => {
  const dice = createDice(index)
  const id = 700_000 + index
  const town = dice.oneOf(TOWNS)
  const sentences = dice.between(3, 8)
  const [beds, built] = [dice.between(1, 6), dice.between(40, 420)]
  const spanish = dice.text(SPANISH, sentences)
  const russian = dice.text(RUSSIAN, sentences)
  const images = Array.from(
    { length: dice.between(4, 12) },
    (_, place) =>
      `      <image id="${place + 1}"><url>https://img.example/${id}/${place + 1}.jpg?w=1600&amp;q=80</url></image>\n`
  )
  const features = Array.from(
    { length: dice.between(2, 7) },
    () => `<feature>${dice.oneOf(FEATURES)}</feature>`
  )
  return `  <property>
    <id>${id}</id>
    <date>2026-${two(dice.between(1, 10))}-${two(dice.between(1, 28))} ${two(dice.between(8, 19))}:30:00</date>
    <ref>ES-${id}/${dice.between(10, 99)}</ref>
    <price>${dice.between(60, 2_400) * 1_000}</price>
    <currency>EUR</currency>
    <price_freq>sale</price_freq>
    <new_build>${dice.between(0, 1)}</new_build>
    <type>${dice.oneOf(TYPES)}</type>
    <town>${town}</town>
    <province>Málaga</province>
    <country>spain</country>
    <location><latitude>36.${dice.between(100_000, 999_999)}</latitude><longitude>-4.${dice.between(100_000, 999_999)}</longitude></location>
    <beds>${beds}</beds>
    <baths>${dice.between(1, beds)}</baths>
    <pool>${dice.between(0, 1)}</pool>
    <surface_area><built>${built}</built><plot>${built * 3}</plot></surface_area>
    <energy_rating><consumption>${dice.oneOf('ABCDEFG')}</consumption><emissions>X</emissions></energy_rating>
    <url><es>https://agency.example/es/${id}?ref=feed&amp;lang=es</es><ru>https://agency.example/ru/${id}</ru></url>
    <desc>
      <es>&lt;p&gt;${spanish}&lt;/p&gt; ${built} m&#178;, ${town} &amp; alrededores.</es>
      <ru>${index % 2 === 0 ? `<![CDATA[<p>${russian}</p>]]>` : russian}</ru>
    </desc>
    <features>${features.join('')}</features>
    <images>
${images.join('')}    </images>
  </property>
`
}

/** The same home, told of later and at another price. */
export const repricedProperty = (index: number): string =>
  kyeroProperty(index)
    .replace(/<date>[^<]+/, '<date>2026-11-15 09:00:00')
    .replace(/<price>(\d+)/, (_, price: string) => `<price>${Number(price) + 5_000}`)

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<root>\n  <kyero><feed_version>3</feed_version></kyero>\n'

/** Writes one of these properties; piece by piece, so that whoever asks stays small. */
export const writeKyeroFile = async (
  file: string,
  properties: Iterable<string>
): Promise<{ bytes: number; records: number }> => {
  const stream = createWriteStream(file)
  const write = async (piece: string): Promise<void> => {
    if (!stream.write(piece)) await once(stream, 'drain')
  }
  await write(HEAD)
  let records = 0
  for (const property of properties) {
    await write(property)
    records += 1
  }
  await write('</root>\n')
  stream.end()
  await finished(stream)
  return { bytes: stream.bytesWritten, records }
}

/** Writes one of at least `bytes` bytes. */
export const writeKyeroFeed = (file: string, bytes: number): Promise<{ bytes: number; records: number }> =>
  writeKyeroFile(file, propertiesOf(bytes))

const propertiesOf = function* (bytes: number): Generator<string> {
  let written = HEAD.length
  for (let index = 0; index === 0 || written < bytes; index++) {
    const property = kyeroProperty(index)
    written += Buffer.byteLength(property)
    yield property
  }
}

interface Dice {
  between: (low: number, high: number) => number
  oneOf: (values: readonly string[] | string) => string
  text: (sentences: readonly string[], count: number) => string
}

/** Always falls the same way for the same record (mulberry32). */
const createDice = (seed: number): Dice => {
  let state = Math.imul(seed + 1, 0x9e3779b1)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  const oneOf = (values: readonly string[] | string): string => values[between(0, values.length - 1)] ?? ''
  return {
    between,
    oneOf,
    text: (sentences, count) => Array.from({ length: count }, () => oneOf(sentences)).join(' ')
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

const TYPES = ['villa', 'apartment', 'penthouse', 'town house', 'bungalow', 'country house']
const TOWNS = ['Nerja', 'Torre del Mar', 'Frigiliana', 'Vélez-Málaga', 'Cómpeta', 'Almuñécar', 'Salobreña']
const FEATURES = [
  'piscina climatizada',
  'cerca de la playa',
  'вид на море',
  'aire acondicionado',
  'терраса',
  'garaje'
]
const SPANISH = [
  'Luminosa vivienda con orientación sur y amplia terraza frente al mar.',
  'La urbanización dispone de jardines comunitarios, conserje y aparcamiento.',
  'A cinco minutos a pie encontrará colegios, supermercados y el paseo marítimo.',
  'Cocina totalmente equipada, suelos de mármol y calefacción por suelo radiante.',
  'El salón, muy acogedor, tiene chimenea y salida directa al jardín.',
  '¡Oportunidad única para quien busca tranquilidad sin renunciar a la ciudad!'
]
const RUSSIAN = [
  'Светлая квартира с панорамным видом на море и просторной террасой.',
  'Дом расположен в тихом районе, до пляжа пять минут пешком.',
  'Кухня полностью оборудована, полы из мрамора, центральное отопление.',
  'Закрытая территория с садом, бассейном и круглосуточной охраной.',
  'В гостиной есть камин, из спальни можно выйти прямо в сад.',
  'Отличное предложение для тех, кто ищет покой недалеко от города!'
]
