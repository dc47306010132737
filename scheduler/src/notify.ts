import { createHmac } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { RunError } from './errors.ts'
import { lookupOf, type Egress } from './fetch/egress.ts'
import type { Notify } from './tell.ts'

export interface NotifyOptions {
  url: string
  /** Base64, with or without `whsec_`; signs by Standard Webhooks. */
  secret?: string
  egress: Egress
  timeoutMs?: number
}

const TIMEOUT_MS = 10_000

/** Posts notices to one address, as JSON. Any 2xx is an answer; redirects are not followed. */
export const createNotify = ({ url, secret, egress, timeoutMs = TIMEOUT_MS }: NotifyOptions): Notify => {
  const target = new URL(url)
  const send = target.protocol === 'https:' ? requestHttps : requestHttp
  return async (notice) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const body = JSON.stringify(notice)
    const addresses = await egress.resolve(target.hostname, signal)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const request = send(target, {
      method: 'POST',
      agent: false,
      lookup: lookupOf(addresses),
      signal,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...signed(notice.id, body, secret)
      }
    })
    request.once('error', reject)
    request.once('response', (answer) => {
      answer.resume()
      const { statusCode = 0 } = answer
      if (statusCode >= 200 && statusCode < 300) resolve()
      else reject(new RunError('NOTIFY_STATUS', `${target.host} answered a notice with ${statusCode}`))
    })
    request.end(body)
    await promise
  }
}

/** https://www.standardwebhooks.com: HMAC-SHA256 over `<id>.<timestamp>.<body>`. */
const signed = (id: string, body: string, secret: string | undefined): Record<string, string> => {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const named = { 'webhook-id': id, 'webhook-timestamp': timestamp }
  if (secret === undefined) return named
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { ...named, 'webhook-signature': `v1,${signature}` }
}
