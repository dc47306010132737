import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FetchRules } from '../scheduler/src/fetch/body.ts'
import { createEgress, type Resolver } from '../scheduler/src/fetch/egress.ts'
import { openFeed } from '../scheduler/src/fetch/open-feed.ts'
import { DIRECT, REDIRECTS, type EgressCase } from './support/egress-cases.ts'

/** Addresses a vendor has no business with, against a canary that listens on all addresses of this machine. */

let canary: Server
let vendor: Server
let port: number
let redirectTo: string
let vendorUrl: string
let visits = 0

const listen = async (server: Server, host: string): Promise<number> => {
  server.listen(0, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  canary = createServer((_request, response) => response.end('<root/>'))
  canary.on('connection', () => void (visits += 1))
  port = await listen(canary, '::')
  vendor = createServer((_request, response) => response.writeHead(302, { location: redirectTo }).end())
  vendorUrl = `http://127.0.0.1:${await listen(vendor, '127.0.0.1')}/feed.xml`
})
afterAll(() => {
  canary.close()
  vendor.close()
})
beforeEach(() => {
  visits = 0
})

const resolverOf =
  (dns: EgressCase['dns'] = {}): Resolver =>
  (host) => {
    const addresses = dns[host]
    if (addresses === undefined) return Promise.reject(new Error(`ENOTFOUND ${host}`))
    return Promise.resolve(addresses.map((address) => ({ address, family: isIP(address) })))
  }

const fetchFrom = async (url: string, allow: string, resolver: Resolver): Promise<string> => {
  const rules: FetchRules = {
    egress: createEgress(allow, resolver),
    limits: {
      connectTimeoutMs: 5_000,
      stallTimeoutMs: 5_000,
      timeoutMs: 10_000,
      maxBytes: 1_000,
      uploadCheckMs: 1
    }
  }
  const closing = new AbortController()
  try {
    const opened = await openFeed({ address: url, settings: {} }, rules, closing.signal)
    const chunks: Buffer[] = []
    if ('isNotModified' in opened) throw new Error('nothing was there before')
    for await (const chunk of opened.bytes) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  } finally {
    closing.abort()
  }
}
const here = ({ url }: EgressCase): string => url.replaceAll('<port>', String(port))
const EVERYTHING = '0.0.0.0/0, ::/0'

test('the corpus is at least sixty cases', () => {
  expect(DIRECT.length + REDIRECTS.length).toBeGreaterThanOrEqual(60)
})

describe('an address', () => {
  test.each(DIRECT)('$url ($dns) is refused, and nobody is spoken to', async (one) => {
    await expect(fetchFrom(here(one), '', resolverOf(one.dns))).rejects.toMatchObject({
      code: one.code ?? 'FETCH_EGRESS'
    })
    expect(visits).toBe(0)
  })

  test.each(DIRECT.filter(({ bites }) => bites))('$url ($dns) is served once it is allowed', async (one) => {
    expect(await fetchFrom(here(one), EVERYTHING, resolverOf(one.dns))).toBe('<root/>')
    expect(visits).toBe(1)
  })
})

describe('a redirect', () => {
  const only = '127.0.0.1/32'

  test.each(REDIRECTS)('to $url is refused, and nobody is spoken to', async (one) => {
    redirectTo = here(one)
    await expect(fetchFrom(vendorUrl, only, resolverOf(one.dns))).rejects.toMatchObject({
      code: one.code ?? 'FETCH_EGRESS'
    })
    expect(visits).toBe(0)
  })

  test.each(REDIRECTS.filter(({ bites }) => bites))('to $url is followed once it is allowed', async (one) => {
    redirectTo = here(one)
    expect(await fetchFrom(vendorUrl, EVERYTHING, resolverOf(one.dns))).toBe('<root/>')
    expect(visits).toBe(1)
  })
})

describe('a name', () => {
  test('that is asked for twice and answers another address the second time is asked once', async () => {
    const answers = [
      ['127.0.0.1', 4],
      ['127.0.0.2', 4]
    ] as const
    let asked = 0
    const rebinding: Resolver = () => {
      const [address, family] = answers[asked++] ?? answers[1]
      return Promise.resolve([{ address, family }])
    }
    const url = `http://rebinding.example:${port}/`
    expect(await fetchFrom(url, '127.0.0.1', rebinding)).toBe('<root/>')
    expect(asked).toBe(1)
    await expect(fetchFrom(url, '127.0.0.1', rebinding)).rejects.toMatchObject({ code: 'FETCH_EGRESS' })
    expect(visits).toBe(1)
  })

  test('that is public by one address and private by another is connected to by the public one', async () => {
    const seen: string[] = []
    canary.once('connection', ({ localAddress }) => seen.push(localAddress ?? ''))
    const dns = { 'mixed.example': ['127.0.0.2', '127.0.0.1', '10.0.0.1'] }
    expect(await fetchFrom(`http://mixed.example:${port}/`, '127.0.0.1', resolverOf(dns))).toBe('<root/>')
    expect(seen).toEqual(['::ffff:127.0.0.1'])
  })

  test('that takes for ever is given up with the connection', async () => {
    const never: Resolver = () => new Promise(() => undefined)
    const egress = createEgress('', never)
    const limits = {
      connectTimeoutMs: 50,
      stallTimeoutMs: 50,
      timeoutMs: 200,
      maxBytes: 1_000,
      uploadCheckMs: 1
    }
    const opening = openFeed(
      { address: 'http://slow.example/', settings: {} },
      { egress, limits },
      AbortSignal.timeout(200)
    )
    await expect(opening).rejects.toMatchObject({ code: 'FETCH_TIMEOUT' })
  })
})
