import type { Sql } from '@sluice/prisma/client'
import { findSource, listSources, type SourceRow } from '@sluice/prisma/tables/sources'
import { findVendor, listVendors, type VendorRow } from '@sluice/prisma/tables/vendors'
import { CommandError } from './errors.ts'
import { hintOf } from './suggest.ts'

/** Vendors and sources are what people have typed in, one at a time: a list shows them all. */
export const EVERY = 10_000

/** @throws CommandError `VENDOR_UNKNOWN`, with the name that may have been meant. */
export const vendorNamed = async (sql: Sql, slug: string): Promise<VendorRow> => {
  const found = await findVendor(sql, slug)
  if (found !== undefined) return found
  const known = (await listVendors(sql, { limit: EVERY })).map((vendor) => vendor.slug)
  throw new CommandError(
    'VENDOR_UNKNOWN',
    `No vendor "${slug}". ${hintOf(slug, known, '`sluice vendors list` shows them; `sluice vendors add` makes one.')}`
  )
}

/** @throws CommandError `SOURCE_UNKNOWN`, or `SOURCE_KIND` when it is there and of the other kind. */
export const sourceNamed = async (sql: Sql, slug: string, kind?: SourceRow['kind']): Promise<SourceRow> => {
  const found = await findSource(sql, slug)
  if (found === undefined) {
    const known = (await listSources(sql, { limit: EVERY })).filter(
      (source) => kind === undefined || source.kind === kind
    )
    const noun = kind ?? 'source'
    const hint = hintOf(
      slug,
      known.map((source) => source.slug),
      `\`sluice ${kind === 'feed' ? 'feeds' : 'sources'} list\` shows them.`
    )
    throw new CommandError('SOURCE_UNKNOWN', `No ${noun} "${slug}". ${hint}`)
  }
  if (kind === undefined || found.kind === kind) return found
  throw new CommandError(
    'SOURCE_KIND',
    kind === 'feed'
      ? `"${slug}" is a webhook: its records are pushed to us, there is nothing to run.`
      : `"${slug}" is a feed: it is fetched by us, nobody needs a key for it.`
  )
}
