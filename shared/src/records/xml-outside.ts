import { SaxesParser } from 'saxes'
import type { SectionKind } from './xml-tokenizer.ts'

/** What a piece of markup around the records is, and what it stands in. */
export type OutsideMarkup =
  | { kind: 'startTag' | 'endTag' }
  | { kind: Exclude<SectionKind, 'doctype'>; isInRoot: boolean; isFirst: boolean }

/** A file in which more stands around the records than this is not looked at any closer. */
export const MAX_OUTSIDE_CHECKS = 10_000

/** What saxes says against a piece of markup, taken by itself; `undefined` when it is sound. */
export const outsideFault = (text: string, markup: OutsideMarkup): string | undefined => {
  const parser = new SaxesParser({ xmlns: false, position: false })
  let fault: string | undefined
  parser.on('error', ({ message }) => {
    fault ??= message
  })
  parser.write(toDocument(text, markup)).close()
  return fault
}

/** A document that is sound if the markup is. */
const toDocument = (text: string, markup: OutsideMarkup): string => {
  switch (markup.kind) {
    case 'startTag':
      return text.endsWith('/>') ? text : `${text.slice(0, -1)}/>`
    case 'endTag':
      return `<${/^<\/([^\s>]*)/.exec(text)?.[1] ?? ''}>${text}`
    default:
      if (markup.isInRoot) return `<r>${text}</r>`
      return markup.isFirst ? `${text}<r/>` : `<r/>${text}`
  }
}
