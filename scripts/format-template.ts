/** What `pnpm new:format` writes: a small JSON webhook format that passes the contract suite as it stands. */

export interface TemplateInput {
  name: string
  /** Page where the vendor documents the format. */
  docs: string
}

/** `open-immo` → `openImmo`: the name as an identifier. */
export const toIdentifier = (name: string): string =>
  name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const formatFile = ({ name, docs }: TemplateInput): string => {
  const id = toIdentifier(name)
  return `import { Type } from 'typebox'
import { decimal, toDecimal } from '../decimal.ts'
import type { Format } from '../format.ts'
import { createRecordParser } from '../record-parser.ts'
import { definedUnits } from '../units.ts'

/** The record as the vendor documents it: ${docs} */
const RecordSchema = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 255, description: "the vendor's id of the offer" }),
  modified: Type.Optional(Type.String({ description: 'when the offer last changed' })),
  deal: Type.Enum(['sale', 'rent'], { description: 'sale or rent' }),
  price: decimal('a number like 185000'),
  currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'three capital letters, like EUR' }),
  type: Type.Enum(['apartment', 'house'], { description: 'apartment or house' }),
  country: Type.String({ minLength: 1, maxLength: 120, description: 'the country' }),
  city: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'the city' })),
  internalCode: Type.Optional(Type.String())
})

/** XML records: \`createRecordParser(RecordSchema, { xml: true })\`, and \`leftoversOf\` for what you do not map. */
const parse = createRecordParser(RecordSchema)

export const ${id}: Format = {
  name: '${name}',
  title: '${name}',
  formatVersion: 1,
  id: ['id'],
  factAt: ['modified'],
  webhook: true,
  // What an upsert of this format decides: a family it covers and does not send is cleared.
  covers: ['transaction', 'propertyType', 'listPrice', 'location'],
  recordSchema: RecordSchema,
  ignored: [{ path: 'internalCode', reason: "the vendor's own bookkeeping" }],
  toChange: (value) => {
    const record = parse(value)
    return {
      kind: 'upsert',
      units: definedUnits({
        transaction: record.deal,
        propertyType: { type: record.type, subType: undefined },
        listPrice: {
          amount: toDecimal(record.price),
          currency: record.currency,
          period: record.deal === 'sale' ? 'total' : 'month'
        },
        location: { country: record.country, city: record.city }
      })
    }
  }
}
`
}

const readmeFile = ({ name, docs }: TemplateInput): string => `# ${name}

Vendor documentation: <${docs}>

Write here what the documentation does not say and you had to decide: units, defaults, what zero and empty mean,
which words became which \`propertyType\`, and how the vendor says that an offer is gone.
`

const EXAMPLE = {
  id: 'A-1',
  modified: '2026-03-02T09:15:00Z',
  deal: 'sale',
  price: '185000',
  currency: 'EUR',
  type: 'apartment',
  country: 'BG',
  city: 'Sofia',
  internalCode: 'x7'
}

const fixture = (about: string, record: object): string =>
  `${JSON.stringify({ about, record }, undefined, 2)}\n`

/** Relative to the format's folder. Fixtures hold no result yet: sealing writes it. */
export const templateFiles = (input: TemplateInput): Record<string, string> => {
  const { price: _, ...withoutPrice } = EXAMPLE
  return {
    'format.ts': formatFile(input),
    'README.md': readmeFile(input),
    'fixtures/sale.json': fixture('A flat for sale.', EXAMPLE),
    'fixtures/no-price.json': fixture('The path that is missing is named.', withoutPrice)
  }
}

const LIST = /(formats: readonly Format\[\] = \[)([^\]]*)(\])/
const WIDTH = 110

const isFormatImport = (text: string): boolean =>
  /^import \{ \w+ \} from '\.\/[a-z0-9-]+\/format\.ts'$/.test(text)

/** `formats/index.ts` with the format imported and listed, in alphabetical order, as the formatter would write it. */
export const withFormat = (index: string, name: string): string => {
  const id = toIdentifier(name)
  const line = `import { ${id} } from './${name}/format.ts'`
  const lines = index.split('\n')
  const imports = [...lines.filter(isFormatImport), line].toSorted((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))
  const first = lines.findIndex(isFormatImport)
  const rest = lines.filter((text) => !isFormatImport(text))
  const text = [...rest.slice(0, first), ...imports, ...rest.slice(first)].join('\n')
  return text.replace(LIST, (_, open: string, listed: string, close: string) => {
    const names = [...listed.split(','), id].map((entry) => entry.trim()).filter((entry) => entry !== '')
    const oneLine = `${open}${names.toSorted().join(', ')}${close}`
    return `export const ${oneLine}`.length <= WIDTH
      ? oneLine
      : `${open}\n  ${names.toSorted().join(',\n  ')}\n${close}`
  })
}

const pathOf = (line: string): string => line.slice(line.indexOf(" from '"))
