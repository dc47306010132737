import type { Sql } from '@sluice/prisma/client'
import { createApiKey, keysOfSource } from '@sluice/prisma/tables/api-keys'
import { createSource, findSource, updateSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor, findVendor } from '@sluice/prisma/tables/vendors'
import { createKey, keyDigest } from '@sluice/shared/keys'
import { readNote, writeNote } from '../services/notebook.ts'

export const VENDOR = 'costa-demo'
const TIME_ZONE = 'Europe/Madrid'

/** The demo vendor with its two sources, and the key of its webhook. */
export interface Demo {
  vendorId: number
  webhook: SourceRow
  feed: SourceRow
  key: string
}

/** Makes what is not there yet; a key is made anew only when the one noted under `.sluice` is not known here. */
export const seedDemo = async (sql: Sql, feedUrl: string): Promise<Demo> => {
  await createVendor(sql, { slug: VENDOR, name: 'Costa Demo Properties' })
  const vendor = await findVendor(sql, VENDOR)
  if (vendor === undefined) throw new Error(`the vendor ${VENDOR} was not created`)
  const common = { vendorId: vendor.id, timeZone: TIME_ZONE }

  const webhookSlug = `${VENDOR}-crm`
  await createSource(sql, { ...common, slug: webhookSlug, kind: 'webhook', format: 'sluice' })
  const feedSlug = `${VENDOR}-kyero`
  const schedule = '0 6 * * *'
  await createSource(sql, {
    ...common,
    slug: feedSlug,
    kind: 'feed',
    format: 'kyero',
    address: feedUrl,
    schedule
  })

  const webhook = await mustFind(sql, webhookSlug)
  const feed = await mustFind(sql, feedSlug)
  // Another port than last time. Only then: an edit makes the scheduler send every record again.
  if (feed.address !== feedUrl) await updateSource(sql, feedSlug, { address: feedUrl })
  return { vendorId: vendor.id, webhook, feed: await mustFind(sql, feedSlug), key: await keyOf(sql, webhook) }
}

const mustFind = async (sql: Sql, slug: string): Promise<SourceRow> => {
  const source = await findSource(sql, slug)
  if (source === undefined) throw new Error(`the source ${slug} was not created`)
  return source
}

const keyOf = async (sql: Sql, source: SourceRow): Promise<string> => {
  const noted = (await readNote<{ key: string }>('demo'))?.key
  const known = await keysOfSource(sql, source.id)
  const isKnown = known.some(({ digest, revokedAt }) => !revokedAt && noted && digest === keyDigest(noted))
  if (noted !== undefined && isKnown) return noted
  const { key, prefix, digest } = createKey()
  await createApiKey(sql, { sourceId: source.id, prefix, digest })
  await writeNote('demo', { key })
  return key
}
