import type { FastifyRequest } from 'fastify'
import { addressOf } from '../address.ts'
import type { Refusal } from '../errors.ts'
import '../request-facts.ts'
import type { RefusalSample } from './refusals.ts'
import { skeletonOf } from './skeleton.ts'

/** A header may say anything: only types we know by name are kept. */
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/x-ndjson',
  'application/xml',
  'application/soap+xml',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/html',
  'text/plain',
  'text/xml'
])

const typeOf = (contentType: string): string => {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return MEDIA_TYPES.has(type) ? type : '(another)'
}

/** What is kept of a refused request: its facts and the shape of its body. */
export const toSample = (request: FastifyRequest, refusal: Refusal): RefusalSample => {
  const { id, facts, headers, body } = request
  const contentType = headers['content-type']
  return {
    requestId: id,
    address: addressOf(request),
    detail: refusal.message,
    ...(facts.authentication === undefined ? {} : { reason: facts.authentication }),
    ...(contentType === undefined ? {} : { contentType: typeOf(contentType) }),
    ...(body instanceof Buffer ? { bytes: body.length, skeleton: skeletonOf(body) } : {})
  }
}
