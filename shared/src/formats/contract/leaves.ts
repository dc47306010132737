import { isDeepStrictEqual } from 'node:util'
import { isEmptyElement } from '../convert.ts'
import type { Format } from '../format.ts'
import { pointerStep, toNode, type SchemaNode } from '../json-schema.ts'
import { outcomeOf, type Fixture } from './fixtures.ts'

/**
 * The proof that a format overlooks nothing. A leaf is *mapped* when putting another value in its place, or removing
 * it, gives another change; or when removing it makes the record lack something *else*. That a leaf is validated is no
 * proof: a rejection that names the leaf itself does not count.
 */

type Steps = readonly (string | number)[]

interface Leaf {
  steps: Steps
  /** The steps without list positions, joined with `/`. */
  path: string
  value: unknown
}

/** Values put in a leaf's place, besides those it has in other fixtures and the words of the schema. */
const REMOVED = undefined
const PROBES: readonly unknown[] = [
  REMOVED,
  '0',
  '1',
  '2',
  '7.5',
  'A',
  'B',
  'x',
  'probe',
  'XTS',
  'https://example.com/probe',
  0,
  1,
  2,
  7.5,
  true,
  false,
  null,
  []
]

export interface LeafReport {
  /** Neither mapped nor declared as ignored. */
  unmapped: string[]
  /** Declared as ignored, yet they change the outcome. */
  ignoredButMapped: string[]
  /** Declared as ignored, but in no fixture. */
  ignoredButAbsent: string[]
  /** In the format's schema, but in no fixture: nothing is proven about them. */
  withoutFixture: string[]
}

export const inspectLeaves = (format: Format, fixtures: readonly Fixture[]): LeafReport => {
  const accepted = fixtures.filter(({ expected }) => expected !== undefined && 'change' in expected)
  const schema = toNode(format.recordSchema)
  const leaves = accepted.flatMap(({ record }) => leavesOf(record)).filter(({ value }) => !isEmpty(value))
  const valuesOf = Map.groupBy(leaves, ({ path }) => path)
  const paths = [...valuesOf.keys()]
  const mapped = new Set(
    paths.filter((path) => {
      const probes = [...PROBES, ...wordsOf(schema), ...(valuesOf.get(path) ?? []).map(({ value }) => value)]
      return accepted.some((fixture) => isMapped(format, fixture, path, probes))
    })
  )
  const edge = new Set([format.id, format.factAt ?? []].map((steps) => steps.join('/')))
  const isIgnored = (path: string): boolean =>
    format.ignored.some(({ path: pattern }) => matches(path, pattern))
  return {
    unmapped: paths.filter((path) => !mapped.has(path) && !edge.has(path) && !isIgnored(path)),
    ignoredButMapped: paths.filter((path) => mapped.has(path) && isIgnored(path)),
    ignoredButAbsent: format.ignored
      .map(({ path }) => path)
      .filter((pattern) => !paths.some((path) => matches(path, pattern))),
    withoutFixture: schemaLeaves(schema).filter((pattern) => !paths.some((path) => isUnder(path, pattern)))
  }
}

const isMapped = (format: Format, fixture: Fixture, path: string, probes: readonly unknown[]): boolean => {
  const before = outcomeOf(format, fixture.record, fixture.timeZone)
  return leavesOf(fixture.record)
    .filter((leaf) => leaf.path === path)
    .some(({ steps }) =>
      probes.some((probe) => {
        const after = outcomeOf(format, withValue(fixture.record, steps, probe), fixture.timeZone)
        if ('change' in after) return !isDeepStrictEqual(after, before)
        return probe === REMOVED && after.rejection.path !== pointerOf(steps)
      })
    )
}

const pointerOf = (steps: Steps): string => steps.map(pointerStep).join('')

/** An empty leaf says nothing that could be overlooked. */
const isEmpty = (value: unknown): boolean =>
  value === null || isEmptyElement(value) || (typeof value === 'object' && Object.keys(value).length === 0)

/** Every scalar of a record, and every empty list or object. */
export const leavesOf = (value: unknown, steps: Steps = []): Leaf[] => {
  if (typeof value !== 'object' || isEmpty(value)) {
    return [{ steps, path: steps.filter((step) => typeof step === 'string').join('/'), value }]
  }
  return Array.isArray(value)
    ? value.flatMap((item: unknown, index) => leavesOf(item, [...steps, index]))
    : Object.entries(value ?? {}).flatMap(([name, inner]) => leavesOf(inner, [...steps, name]))
}

/** A copy of the record with another value at one place; `undefined` removes it. */
export const withValue = (record: unknown, steps: Steps, value: unknown): unknown => {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (Array.isArray(record)) {
    return record.flatMap((item: unknown, index) => {
      if (index !== step) return [item]
      const changed = withValue(item, rest, value)
      return changed === undefined ? [] : [changed]
    })
  }
  return Object.fromEntries(
    Object.entries(record as Record<string, unknown>)
      .map(([name, inner]) => [name, name === step ? withValue(inner, rest, value) : inner] as const)
      .filter(([, inner]) => inner !== undefined)
  )
}

/** The places a schema knows, `*` for any name; a place that may hold an object and a text is both. */
const schemaLeaves = (node: SchemaNode, steps: readonly string[] = []): string[] => {
  if (node.anyOf !== undefined) {
    return [...new Set(node.anyOf.flatMap((branch) => schemaLeaves(branch, steps)))]
  }
  if (node.items !== undefined) return schemaLeaves(node.items, steps)
  const inner = [
    ...Object.entries(node.properties ?? {}),
    ...Object.values(node.patternProperties ?? {}).map(anyName)
  ]
  return inner.length > 0
    ? inner.flatMap(([name, property]) => schemaLeaves(property, [...steps, name]))
    : [steps.join('/')]
}

/** Every word of every enumeration in a schema. */
const wordsOf = (node: SchemaNode): unknown[] => [
  ...(node.enum ?? []),
  ...[...(node.anyOf ?? []), node.items ?? {}]
    .concat(Object.values(node.properties ?? {}), Object.values(node.patternProperties ?? {}))
    .flatMap((inner) => (Object.keys(inner).length === 0 ? [] : wordsOf(inner)))
]

const anyName = (node: SchemaNode): [string, SchemaNode] => ['*', node]

const matches = (path: string, pattern: string): boolean =>
  isUnder(path, pattern) && path.split('/').length === pattern.split('/').length

/** At the place the pattern names, or somewhere inside it. */
const isUnder = (path: string, pattern: string): boolean => {
  const names = path.split('/')
  return pattern
    .split('/')
    .every((name, index) => index < names.length && (name === '*' || name === names[index]))
}
