import { createApiKey } from '@sluice/prisma/tables/api-keys'
import { createSource, type NewSource } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { createKey, type NewKey } from '@sluice/shared/keys'
import type { Db } from '@sluice/prisma/client'

/** A source of vendor `acme`, made when missing, with one valid key. */
export const addSource = async (
  { sql }: Db,
  { slug, kind = 'webhook', ...more }: Partial<NewSource> & { slug: string }
): Promise<NewKey & { sourceId: number }> => {
  const vendor = await createVendor(sql, { slug: `vendor-of-${slug}`, name: 'Acme' })
  if (vendor === undefined) throw new Error(`there is a source ${slug} already`)
  const source = await createSource(sql, {
    vendorId: vendor.id,
    slug,
    kind,
    format: 'sluice',
    timeZone: 'Europe/Sofia',
    ...more
  })
  if (source === undefined) throw new Error(`there is a source ${slug} already`)
  return { ...(await addKey({ sql }, source.id)), sourceId: source.id }
}

export const addKey = async (
  { sql }: Pick<Db, 'sql'>,
  sourceId: number,
  times: { notBefore?: Date; expiresAt?: Date } = {}
): Promise<NewKey> => {
  const key = createKey()
  await createApiKey(sql, { sourceId, prefix: key.prefix, digest: key.digest, ...times })
  return key
}

export interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown>
  /** From the start of the request to the end of the answer. */
  tookMs: number
}

/** One request. A string or bytes go as they are; anything else as JSON. */
export const send = async (
  url: string,
  body: unknown,
  { method = 'POST', ...headers }: Record<string, string> = {}
): Promise<Answer> => {
  const startedAt = performance.now()
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: toBody(body), duplex: 'half' })
  } as RequestInit)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    tookMs: performance.now() - startedAt
  }
}

const toBody = (body: unknown): unknown =>
  typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream
    ? body
    : JSON.stringify(body)

/** A body sent in chunks, without a Content-Length. */
export const chunked = (...parts: readonly string[]): ReadableStream<Uint8Array> =>
  ReadableStream.from(parts.map((part) => new TextEncoder().encode(part))) as ReadableStream<Uint8Array>
