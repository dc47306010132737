import { DECIMAL_PATTERN } from './decimal.ts'

/**
 * A record's schema as vendors are shown it. The parser reads a decimal as text, after it has made text of a number;
 * whoever checks a record before sending it must be allowed either.
 */
export const toPublishedSchema = <S extends object>(schema: S): S => published(schema) as S

const published = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(published)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).map(([name, value]) => [name, published(value)] as const)
  const { pattern } = node as { pattern?: unknown }
  return Object.fromEntries(
    pattern === DECIMAL_PATTERN
      ? entries.map(([name, value]) => [name, name === 'type' ? ['number', 'string'] : value] as const)
      : entries
  )
}
