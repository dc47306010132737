import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { FIELD_OF } from './formats/sluice/format.ts'
import { SluiceRecordSchema } from './formats/sluice/record.ts'
import {
  AREA_UNITS,
  familyOf,
  isTextUnit,
  PRICE_PERIODS,
  PROPERTY_TYPES,
  REQUIRED_UNITS,
  STANDARD_STATUSES,
  TextSchema,
  textUnit,
  TRANSACTIONS,
  UNIT_FAMILIES,
  UnitSchemas
} from './offer.ts'

interface Node {
  type?: string
  enum?: readonly string[]
  properties?: Record<string, Node>
  required?: readonly string[]
  items?: Node
  anyOf?: readonly Node[]
  patternProperties?: Record<string, Node>
}

/** The parts of a unit as `docs/offer.md` writes them. */
const partsOf = (node: Node): string => {
  if (node.anyOf !== undefined) return node.anyOf.map(partsOf).join('; or ')
  if (node.items !== undefined)
    return node.items.properties === undefined ? 'list of texts' : `list of ${partsOf(node.items)}`
  if (node.enum !== undefined) return 'a word'
  if (node.patternProperties !== undefined) {
    return Object.values(node.patternProperties).some((value) => value.type === 'string')
      ? 'address by language'
      : 'any, by name'
  }
  if (node.type === 'string') return 'text'
  return Object.keys(node.properties ?? {})
    .map((name) => `\`${name}${node.required?.includes(name) === true ? '' : '?'}\``)
    .join(', ')
}

describe('docs/offer.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/offer.md'), 'utf8')
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    )
  const rowOf = new Map(rows.map(([unit = '', ...cells]) => [unit.replaceAll('`', ''), cells]))

  test('has a row for every unit, in the order of the schemas', () => {
    expect([...rowOf.keys()]).toEqual([...Object.keys(UnitSchemas), 'text.<language>'])
  })

  test.each(Object.entries({ ...UnitSchemas, 'text.<language>': TextSchema }))(
    'names the parts of %s',
    (unit, schema) => {
      expect(rowOf.get(unit)?.[0]).toBe(partsOf(schema as Node))
    }
  )

  test('names the field of our own JSON for every unit', () => {
    for (const [unit, field] of Object.entries(FIELD_OF))
      expect(rowOf.get(unit)?.[3], unit).toBe(`\`${field}\``)
    const fields = [...rowOf.values()].flatMap((cells) =>
      [...(cells[3] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)
    )
    const known = Object.keys(SluiceRecordSchema.properties).filter(
      (name) => name !== 'id' && name !== 'updatedAt'
    )
    expect(new Set(fields)).toEqual(new Set(known))
  })

  test('says a meaning and a RESO name for every unit, and marks what is required', () => {
    for (const [unit, [, meaning = '', reso = '']] of rowOf) {
      expect(meaning.length, unit).toBeGreaterThan(10)
      expect(reso, unit).toMatch(/^(–|[A-Z]\w+.*)$/)
      expect(meaning.includes('**Required**'), unit).toBe(
        REQUIRED_UNITS.some((required) => required === unit)
      )
    }
  })

  test('names every word of every enumeration', () => {
    const words = [TRANSACTIONS, PROPERTY_TYPES, STANDARD_STATUSES, PRICE_PERIODS, AREA_UNITS].flat()
    for (const word of words) expect(text).toContain(`\`${word}\``)
  })
})

describe('units', () => {
  test('the text of one language belongs to the family text', () => {
    expect(isTextUnit(textUnit('bg'))).toBe(true)
    expect(familyOf('text.bg')).toBe('text')
    expect(familyOf('listPrice')).toBe('listPrice')
    expect(UNIT_FAMILIES).toContain('text')
  })

  test.each(['text', 'text.', 'text.EN', 'text.engl', 'text.en.us', 'xtext.en', 'text.__proto__'])(
    '%s is no text unit',
    (name) => {
      expect(isTextUnit(name)).toBe(false)
    }
  )

  test.each([
    ['listPrice', { amount: '185000.50', currency: 'EUR', period: 'total' }, true],
    ['listPrice', { onRequest: true }, true],
    ['listPrice', { amount: 185000, currency: 'EUR', period: 'total' }, false],
    ['listPrice', { amount: '-1', currency: 'EUR', period: 'total' }, false],
    ['listPrice', { amount: '1', currency: 'eur', period: 'total' }, false],
    ['listPrice', { amount: '1', currency: 'EUR', period: 'total', onRequest: true }, false],
    ['coordinates', { latitude: 42.1, longitude: 181 }, false],
    ['links', { english: 'https://example.com' }, false],
    ['extras', { '': 1 }, false],
    ['media', [{ url: 'javascript:alert(1)' }], false]
  ] as const)('%s %j: %s', (unit, value, valid) => {
    expect(Value.Check(UnitSchemas[unit], value)).toBe(valid)
  })
})
