import { encodeUtf8, writeUtf8 } from '@sluice/shared/encode-utf8'
import type { OfferPlan } from './plan.ts'

/** The JSON of a document, in UTF-8. */
export type ToJson = (document: object) => Buffer

/**
 * The documents of plans as they leave: a new offer and the change that tells all of it say the same in two places, and
 * each of their values is written once. As bytes, for the driver and the broker would make bytes of any text.
 */
export const documentsOf = (plans: readonly OfferPlan[]): ToJson => {
  const jsonOf = new Map<object, () => Buffer>()
  for (const { isToldByOffer, next, changes } of plans) {
    const told = changes[0]?.units
    if (!isToldByOffer || next === undefined || told === undefined) continue
    const written = write(next.content)
    if (written === undefined) continue
    jsonOf.set(next.content, () => written.json)
    jsonOf.set(told, () => asNew(written))
  }
  return (document) => jsonOf.get(document)?.() ?? encodeUtf8(JSON.stringify(document))
}

interface Written {
  json: Buffer
  /** Where each value begins and ends. */
  values: readonly { start: number; end: number }[]
}

const CLOSE = 0x7d // }
const NEW = Buffer.from('{"new":')
const MOST_BYTES_A_LETTER = 3
/**
 * Where a document is put together: to ask for every piece of one by itself costs as much as to write it. Nobody waits
 * between the first byte and the copy of the last, so one page does for all.
 */
const page = Buffer.allocUnsafeSlow(1024 * 1024)

/** @returns undefined for a document that may not fit, or has no units: those go as others do */
const write = (content: object): Written | undefined => {
  const values: { start: number; end: number }[] = []
  let at = 0
  for (const [unit, value] of Object.entries(content) as [string, unknown][]) {
    if (value === undefined) continue
    const name = `${at === 0 ? '{' : ','}"${unit}":` // a unit's name is ASCII, with nothing to escape
    const member = name + JSON.stringify(value)
    if (at + member.length * MOST_BYTES_A_LETTER >= page.length) return undefined
    const start = at + name.length
    at += writeUtf8(member, page, at)
    values.push({ start, end: at })
  }
  if (at === 0) return undefined
  page[at] = CLOSE
  return { json: Buffer.from(page.subarray(0, at + 1)), values }
}

/** The same object, `{"new":…}` around each value. */
const asNew = ({ json, values }: Written): Buffer => {
  const told = Buffer.allocUnsafe(json.length + values.length * (NEW.length + 1))
  let from = 0
  let to = 0
  for (const { start, end } of values) {
    to += json.copy(told, to, from, start)
    to += NEW.copy(told, to)
    to += json.copy(told, to, start, end)
    told[to++] = CLOSE
    from = end
  }
  told[to] = CLOSE
  return told
}
