import fc from 'fast-check'

/** How one string or body is damaged; places are shares of its length. */
export type Damage =
  | { kind: 'flip' | 'cut' | 'drop'; at: number; bits: number }
  | { kind: 'insert'; at: number; text: string }
  | { kind: 'replace'; text: string }
  | { kind: 'double' | 'case' }

const HOSTILE = [
  '', '\0', '\ufeff', '\u2028', '🏠', '"', '{', '}', '[', ']'.repeat(200), '['.repeat(200), '<a>', '&', '%00', '=',
  '__proto__', 'constructor', '"__proto__":{"polluted":1},', '1e999', '-0', '123456789012345678901234567890', 'NaN',
  '<!ENTITY x SYSTEM "file:///etc/passwd">', '\r\n', 'v1,', 'v1=', ',', '.', ':', ' '
] // prettier-ignore

const place = fc.double({ min: 0, max: 0.999_999, noNaN: true })

export const anyText = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 60, unit: 'binary' }))

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('flip' as const, 'cut' as const, 'drop' as const),
    at: place,
    bits: fc.integer({ min: 1, max: 255 })
  }),
  fc.record({ kind: fc.constant('insert' as const), at: place, text: anyText }),
  fc.record({ kind: fc.constant('replace' as const), text: anyText }),
  fc.record({ kind: fc.constantFrom('double' as const, 'case' as const) })
)

export const damaged = (bytes: Buffer, how: Damage): Buffer => {
  const at = 'at' in how ? Math.floor(how.at * bytes.length) : 0
  switch (how.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ how.bits
      return copy
    }
    case 'cut':
      return bytes.subarray(0, at)
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(how.text), bytes.subarray(at)])
    case 'replace':
      return Buffer.from(how.text)
    case 'double':
      return Buffer.concat([bytes, bytes])
    case 'case':
      return Buffer.from(bytes.toString('latin1').toUpperCase(), 'latin1')
  }
}

/** A damaged text of a header, as latin1; line breaks would make two headers of it and are left out. */
export const damagedText = (text: string, how: Damage): string =>
  asHeader(damaged(Buffer.from(text, 'latin1'), how))

export const asHeader = (bytes: Buffer): string => bytes.toString('latin1').replaceAll(/[\r\n]/g, '')
