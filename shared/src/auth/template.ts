/** A piece of what is signed: text as it stands, or a part of the request. */
export type TemplatePart =
  | { kind: 'text'; text: string }
  | { kind: 'body' | 'timestamp' | 'method' | 'url' }
  | { kind: 'header'; name: string }

const PLACEHOLDER = /\{([^{}]*)\}/g
const HEADER = /^header:([A-Za-z0-9-]{1,64})$/

/** `{timestamp}.{body}` as its parts; `undefined` when it holds something that is not a placeholder we know. */
export const parseTemplate = (template: string): readonly TemplatePart[] | undefined => {
  const parts: TemplatePart[] = []
  let end = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    if (match.index > end) parts.push({ kind: 'text', text: template.slice(end, match.index) })
    const part = toPart(match[1] ?? '')
    if (part === undefined) return undefined
    parts.push(part)
    end = match.index + match[0].length
  }
  if (end < template.length) parts.push({ kind: 'text', text: template.slice(end) })
  return parts.some((part) => part.kind === 'text' && /[{}]/.test(part.text)) ? undefined : parts
}

const toPart = (name: string): TemplatePart | undefined => {
  if (name === 'body' || name === 'timestamp' || name === 'method' || name === 'url') return { kind: name }
  const header = HEADER.exec(name)?.[1]
  return header === undefined ? undefined : { kind: 'header', name: header.toLowerCase() }
}
