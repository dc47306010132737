/** Quoted strings may hold commas and semicolons, and so may the address between its brackets. */
const LINK = /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i

/** The address of `rel="next"` in a `Link` header, RFC 8288; as it stands, it may be relative. */
export const nextLinkOf = (header: string | string[] | undefined): string | undefined => {
  for (const [, address, parameters = ''] of [header ?? ''].flat().join(', ').matchAll(LINK)) {
    const [, quoted, token] = REL.exec(parameters) ?? []
    const relations = (quoted ?? token ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return address
  }
  return undefined
}
