import { once } from 'node:events'
import { createServer as createHttp, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { FeedBody, FetchRequest, NotModified } from '../scheduler/src/fetch/body.ts'
import { createEgress } from '../scheduler/src/fetch/egress.ts'
import { openFeed } from '../scheduler/src/fetch/open-feed.ts'
import { createCertificate, type Certificate } from './support/certificate.ts'
import { textOf } from './support/fetching.ts'

/** What is asked of a vendor's server, hop by hop, and what of its answers is taken. */

let certificate: Certificate
const servers: Server[] = []
let vendor: string
let other: string
let secure: string
/** What each server was asked, in order. */
let asked: { host: string; path: string; headers: IncomingHttpHeaders }[] = []
let answer: RequestListener

const start = async (server: Server, scheme: string): Promise<string> => {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `${scheme}://localhost:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  certificate = await createCertificate()
  certificate.trust()
  const listener: RequestListener = (request, response) => {
    asked.push({ host: request.headers.host ?? '', path: request.url ?? '', headers: request.headers })
    answer(request, response)
  }
  vendor = await start(createHttp(listener), 'http')
  other = await start(createHttp(listener), 'http')
  secure = await start(createHttps({ cert: certificate.cert, key: certificate.key }, listener), 'https')
})
afterAll(async () => {
  for (const server of servers) server.close()
  await certificate.remove()
})
beforeEach(() => {
  asked = []
})

const open = (request: Partial<FetchRequest> & { address: string }): Promise<FeedBody | NotModified> =>
  openFeed(
    { settings: {}, ...request },
    {
      egress: createEgress('127.0.0.0/8, ::1'),
      limits: {
        connectTimeoutMs: 5_000,
        stallTimeoutMs: 5_000,
        timeoutMs: 10_000,
        maxBytes: 1_000,
        uploadCheckMs: 1
      }
    },
    AbortSignal.timeout(10_000)
  )
const basic = { scheme: 'basic', user: 'sluice', secret: 'pässword' } as const
const BASIC = `Basic ${Buffer.from('sluice:pässword').toString('base64')}`

/** The first request is sent on to `location`, every other one is served. */
const sendOnTo = (location: string): void => {
  let isFirst = true
  answer = (_request, response) => {
    if (isFirst) response.writeHead(302, { location })
    isFirst = false
    response.end('<root/>')
  }
}

describe('credentials', () => {
  test('go along on a redirect within the server they are for', async () => {
    sendOnTo('/moved.xml')
    expect(await textOf(await open({ address: `${vendor}/feed.xml`, credentials: basic }))).toBe('<root/>')
    expect(asked.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/feed.xml', BASIC],
      ['/moved.xml', BASIC]
    ])
  })

  test.each([
    ['basic', basic],
    ['bearer', { scheme: 'bearer', secret: 't0ken' }],
    ['header', { scheme: 'header', name: 'X-Key', secret: 't0ken' }],
    ['query', { scheme: 'query', name: 'key', secret: 't0ken' }]
  ] as const)('%s never leave for another server', async (_scheme, credentials) => {
    sendOnTo(`${other}/moved.xml`)
    expect(await textOf(await open({ address: `${vendor}/feed.xml`, credentials }))).toBe('<root/>')
    const [first, second] = asked.map((request) => JSON.stringify(request))
    expect(first).toMatch(/t0ken|Basic/)
    expect(second).toContain('/moved.xml')
    expect(second).not.toMatch(/t0ken|authorization|x-key/)
  })

  test('that stand in an address neither, and a redirect brings none of its own', async () => {
    sendOnTo(other.replace('//', '//mallory:secret@'))
    const address = vendor.replace('//', '//sluice:p%C3%A4ssword@')
    expect(await textOf(await open({ address }))).toBe('<root/>')
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([BASIC, undefined])
  })

  test('are not shown in a refusal', async () => {
    answer = (_request, response) => response.writeHead(403).end()
    const credentials = { scheme: 'query', name: 'key', secret: 't0ken' } as const
    const opening = open({ address: `${vendor}/feed.xml?download=s3cret`, credentials })
    await expect(opening).rejects.toMatchObject({ code: 'FETCH_STATUS' })
    await expect(opening).rejects.not.toThrow(/t0ken|s3cret/)
  })
})

describe('TLS', () => {
  test('is spoken, with the name of the address', async () => {
    answer = (_request, response) => response.end('<root/>')
    expect(await textOf(await open({ address: `${secure}/feed.xml` }))).toBe('<root/>')
  })

  test('is not left for plain HTTP', async () => {
    sendOnTo(`${vendor}/feed.xml`)
    await expect(open({ address: `${secure}/feed.xml` })).rejects.toMatchObject({ code: 'FETCH_REDIRECTS' })
    expect(asked).toHaveLength(1)
  })

  test('with a certificate for another name is no TLS', async () => {
    const address = `${secure.replace('localhost', '127.0.0.1')}/feed.xml`
    await expect(open({ address })).rejects.toMatchObject({ code: 'FETCH_UNREACHABLE' })
    expect(asked).toEqual([])
  })
})

describe('conditions', () => {
  const validators = { etag: 'W/"1"', lastModified: 'Wed, 25 Nov 2026 10:00:00 GMT' }

  test('are sent as the server wrote them, and its newer names are kept', async () => {
    answer = (_request, response) => response.writeHead(304, { etag: '"2"' }).end()
    expect(await open({ address: `${vendor}/feed.xml`, validators })).toEqual({
      isNotModified: true,
      etag: '"2"',
      lastModified: validators.lastModified
    })
    expect(asked[0]?.headers).toMatchObject({
      'if-none-match': validators.etag,
      'if-modified-since': validators.lastModified
    })
  })

  test('a 304 nobody asked for is an error', async () => {
    answer = (_request, response) => response.writeHead(304).end()
    const opening = open({ address: `${vendor}/feed.xml` })
    await expect(opening).rejects.toMatchObject({ code: 'FETCH_STATUS' })
  })
})

test('a compressed answer is inflated, and its announced length is not that of the feed', async () => {
  const xml = `<root>${'<a/>'.repeat(100)}</root>`
  answer = (_request, response) =>
    response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': gzipSync(xml).length })
      .end(gzipSync(xml))
  const opened = await open({ address: `${vendor}/feed.xml` })
  expect(opened).not.toHaveProperty('bytesTotal')
  expect(await textOf(opened)).toBe(xml)
})

test.each([
  ['a bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024)), 'FETCH_INFLATE_RATIO'],
  ['a compressed answer that was cut', gzipSync('<root>'.repeat(1_000)).subarray(0, -9), 'FETCH_CUT_SHORT']
])('%s is refused', async (_name, body, code) => {
  answer = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(body)
  await expect(open({ address: `${vendor}/feed.xml` }).then(textOf)).rejects.toMatchObject({ code })
})

test('the next page is where the Link header says', async () => {
  answer = (_request, response) => response.writeHead(200, { link: '</2>; rel="next"' }).end('<root/>')
  expect(await open({ address: `${vendor}/feed.xml` })).toMatchObject({ next: '/2' })
})
