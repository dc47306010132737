import type { PageRule } from '@sluice/shared/fetch-settings'
import { valueAt } from '@sluice/shared/formats'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError } from '../errors.ts'
import type { Spooled } from '../spool.ts'
import { leadFrom } from './lead.ts'

/** What a rule wants to know of a page beside its headers. */
export type LookFor = { kind: 'nothing' } | { kind: 'records' } | { kind: 'json'; path: readonly string[] }

/** What was found in it. */
export interface Page {
  /** It is sound and holds no record. */
  isEmpty?: boolean
  /** The value at the path of the rule. */
  value?: unknown
}

export type ReadPage = (page: Pick<Spooled, 'path' | 'bytes' | 'charset'>, looksFor: LookFor) => Promise<Page>

/** From one page to the next; one a run. */
export interface Pager {
  looksFor: LookFor
  first: () => string
  /** The address after this page; `undefined` when it was the last. @throws RunError `FETCH_PAGES` */
  next: (page: { sha256: string }, found: Page & { link: string | undefined }) => string | undefined
}

const MAX_PAGES = 10_000

/** @throws RunError `FETCH_SETTINGS` when the address is no URL: a local file has no pages */
export const createPager = (address: string | undefined, rule: PageRule): Pager => {
  const start = URL.parse(address ?? '')
  if (start === null || !/^https?:$/.test(start.protocol)) {
    throw new RunError('FETCH_SETTINGS', 'Only a feed at an http(s) URL comes in pages')
  }
  const visited = new Set<string>()
  let current = start
  let number = rule.by === 'parameter' ? rule.first : 1
  let before: string | undefined

  const visit = (url: URL): string => {
    if (visited.size >= MAX_PAGES) {
      throw new RunError(
        'FETCH_PAGES',
        `The feed has more than ${MAX_PAGES} pages; the last one was not seen`
      )
    }
    if (visited.has(url.href)) {
      throw new RunError('FETCH_PAGES', `The next page, ${withoutSecrets(url.href)}, was fetched before`)
    }
    visited.add(url.href)
    current = url
    return url.href
  }
  const numbered = (name: string): URL => {
    const url = new URL(start)
    url.searchParams.set(name, String(number))
    return url
  }
  const linked = (to: string): string => {
    const url = leadFrom(current, to)
    if (url !== undefined) return visit(url)
    throw new RunError('FETCH_PAGES', `"${withoutSecrets(to)}" is no address of a next page we follow`)
  }

  return {
    looksFor: lookFor(rule),
    first: () => visit(rule.by === 'parameter' ? numbered(rule.name) : start),
    next: ({ sha256 }, { link, isEmpty, value }) => {
      if (rule.by === 'link') return link === undefined ? undefined : linked(link)
      if (rule.by === 'json') return toLink(value) === undefined ? undefined : linked(toLink(value) ?? '')
      if (isEmpty === true) return undefined
      if (sha256 === before) {
        throw new RunError(
          'FETCH_PAGES',
          `Page ${number} is the same as the one before; does the server know "${rule.name}"?`
        )
      }
      before = sha256
      number += 1
      return visit(numbered(rule.name))
    }
  }
}

const lookFor = (rule: PageRule): LookFor => {
  if (rule.by === 'link') return { kind: 'nothing' }
  return rule.by === 'json' ? { kind: 'json', path: rule.path } : { kind: 'records' }
}

/** Null, an empty text and an absent value all say that there is no next page. */
const toLink = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** The value at the path in a JSON text. @throws RunError `FETCH_PAGES` */
export const valueInJson = (text: string, path: readonly string[]): unknown => {
  try {
    return valueAt(JSON.parse(text.replace(/^\uFEFF/, '')), path)
  } catch (thrown) {
    throw new RunError('FETCH_PAGES', 'The page is no JSON, so nobody knows whether there is another', {
      cause: thrown
    })
  }
}
