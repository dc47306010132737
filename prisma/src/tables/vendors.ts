import type { Sql } from '../client.ts'
import { LIST_LIMIT } from '../rows.ts'

export interface VendorRow {
  id: number
  slug: string
  name: string
  createdAt: Date
}

/** `undefined` when the slug is taken. */
export const createVendor = async (
  sql: Sql,
  vendor: { slug: string; name: string }
): Promise<VendorRow | undefined> => {
  const [created] = await sql.vendor.createManyAndReturn({ data: [vendor], skipDuplicates: true })
  return created
}

/** By slug; `after` is the last slug of the page before. */
export const listVendors = (
  sql: Sql,
  { limit = LIST_LIMIT, after = '' }: { limit?: number; after?: string } = {}
): Promise<VendorRow[]> =>
  sql.vendor.findMany({ where: { slug: { gt: after } }, orderBy: { slug: 'asc' }, take: limit })

export const findVendor = async (sql: Sql, slug: string): Promise<VendorRow | undefined> =>
  (await sql.vendor.findUnique({ where: { slug } })) ?? undefined
