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
  minimum?: number
  maximum?: number
  maxLength?: number
  maxItems?: number
  maxProperties?: number
}

/** The bounds of a unit as `docs/offer.md` writes them. */
const boundsOf = (node: Node, name = ''): string[] => {
  const at = name === '' ? '' : `\`${name}\` `
  const list = node.maxItems === undefined ? [] : [`${node.maxItems} of them`]
  const fields = node.maxProperties === undefined ? [] : [`${figure(node.maxProperties)} of them`]
  const text = node.maxLength === undefined ? [] : [`${at}${figure(node.maxLength)} characters`]
  const range = node.maximum === undefined ? [] : [`${at}${node.minimum} to ${node.maximum}`]
  const inner = [
    ...(node.items === undefined ? [] : boundsOf(node.items)),
    ...(node.anyOf ?? []).flatMap((branch) => boundsOf(branch)),
    ...Object.values(node.patternProperties ?? {}).flatMap((value) => boundsOf(value)),
    ...Object.entries(node.properties ?? {}).flatMap(([inside, value]) => boundsOf(value, inside))
  ]
  return [...list, ...fields, ...text, ...range, ...inner]
}

const figure = (count: number): string => count.toLocaleString('en')

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
  const [units = '', bounds = ''] = text.split('## Bounds')
  const rows = units
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

  test('says the bounds of every unit that has some', () => {
    const bounded = Object.entries({ ...UnitSchemas, 'text.<language>': TextSchema }).map(
      ([unit, schema]) => [unit, boundsOf(schema as Node).join(', ')] as const
    )
    const told = [...bounds.matchAll(/^\| `(\S+)` +\| (.*?) +\|$/gm)].map(([, unit, words]) => [unit, words])
    expect(told).toEqual(bounded.filter(([, words]) => words !== ''))
  })

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
