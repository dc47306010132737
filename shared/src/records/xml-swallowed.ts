import { CDATA_START, endsName, LT, SLASH } from './xml-bytes.ts'
import type { SectionKind } from './xml-tokenizer.ts'

/**
 * Whether a section that stands inside a record looks as if its end were missing and that of a later record's section
 * had closed it: then whatever lies between is in it, and nobody has seen those records. It holds the end of its own
 * record and the start of another, or, being CDATA, the start of another and of CDATA in there. One whole record, as in
 * an example, is none of it.
 */
export const swallowsRecord = (
  section: Buffer,
  kind: SectionKind,
  name: Uint8Array,
  beside: readonly Uint8Array[]
): boolean => {
  const ended = indexOfTag(section, name, SLASH, 0)
  for (const other of beside) {
    if (ended !== -1 && indexOfTag(section, other, LT, ended) !== -1) return true
    if (kind !== 'cdata') continue
    const started = indexOfTag(section, other, LT, 0)
    if (started !== -1 && section.indexOf(CDATA_START, started) !== -1) return true
  }
  return false
}

/** Where the name stands in a tag, behind `<` or, with a slash, `</`; or -1. */
const indexOfTag = (bytes: Buffer, name: Uint8Array, before: number, from: number): number => {
  let at = bytes.indexOf(name, from)
  while (at !== -1) {
    const isTag = bytes[at - 1] === before && (before === LT || bytes[at - 2] === LT)
    if (isTag && endsName(bytes[at + name.length])) return at
    at = bytes.indexOf(name, at + 1)
  }
  return -1
}
