import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createEgress } from '../scheduler/src/fetch/egress.ts'
import { download, type Downloaded, type DownloadOptions } from '../scheduler/src/fetch/download.ts'
import { RunError } from '../scheduler/src/errors.ts'
import { createSpool, type Spool } from '../scheduler/src/spool.ts'

/** A feed in pages on its way to the disk: where they may lead, and what becomes of those that came. */

let folder: string
let spool: Spool
const servers = [createServer(), createServer()]
let vendor: string
let other: string
let answers: Record<string, RequestListener> = {}
let asked: { url: string; headers: IncomingHttpHeaders }[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-pages-'))
  spool = await createSpool(folder, 'test', 0)
  const starting = servers.map(async (server) => {
    server.on('request', (request, response) => {
      const url = `http://${request.headers.host}${request.url}`
      asked.push({ url, headers: request.headers })
      answers[request.url ?? '']?.(request, response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  ;[vendor = '', other = ''] = await Promise.all(starting)
})
afterAll(async () => {
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  asked = []
})

/** What came, and the text of each of its bodies. */
const fetchPages = (
  options: Partial<DownloadOptions> = {},
  limits: { timeoutMs?: number } = {}
): Promise<Downloaded & { texts: string[] }> =>
  spool.keep('run', async (shelf) => {
    const fetched = await download({
      request: { address: `${vendor}/1`, settings: {}, credentials: { scheme: 'bearer', secret: 't0ken' } },
      rules: {
        egress: createEgress('127.0.0.0/8'),
        limits: {
          connectTimeoutMs: 5_000,
          stallTimeoutMs: 5_000,
          timeoutMs: 5_000,
          maxBytes: 1_000,
          uploadCheckMs: 1,
          ...limits
        }
      },
      patience: { attempts: 1, baseMs: 1 },
      pages: { by: 'link' },
      readPage: () => Promise.resolve({}),
      shelf,
      signal: new AbortController().signal,
      onOpen: () => undefined,
      onRetry: () => undefined,
      ...options
    })
    if ('isNotModified' in fetched) throw new Error('nobody asked for that')
    const texts = await Promise.all(fetched.bodies.map(({ path }) => readFile(path, 'utf8')))
    return { ...fetched, texts }
  })

const leadingTo =
  (next: string): RequestListener =>
  (_request, response) =>
    response.writeHead(200, { link: `<${next}>; rel="next"` }).end('[1]')

test('a page on another server is read, and its server is shown no credentials', async () => {
  answers = {
    '/1': leadingTo(`${other.replace('//', '//mallory:secret@')}/2`),
    '/2': leadingTo(`${vendor}/3`),
    '/3': (_request, response) => response.end('[3]')
  }
  expect((await fetchPages()).texts).toEqual(['[1]', '[1]', '[3]'])
  expect(asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    [`${vendor}/1`, 'Bearer t0ken'],
    [`${other}/2`, undefined],
    [`${vendor}/3`, 'Bearer t0ken']
  ])
})

test('a page is never a file of ours', async () => {
  answers = { '/1': leadingTo('file:///etc/hostname') }
  const { texts, cutShort } = await fetchPages()
  expect(texts).toEqual(['[1]'])
  expect(cutShort).toMatchObject({ code: 'FETCH_PAGES' })
})

test('a page that was cut short is kept and not asked for the next one', async () => {
  const cut: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-length': 99 }).write('[{"id":1},', () => response.destroy())
  }
  answers = { '/1': cut }
  const { texts, cutShort } = await fetchPages({
    pages: { by: 'json', path: ['next'] },
    readPage: () => Promise.reject(new RunError('FETCH_PAGES', 'nobody may look into it'))
  })
  expect(texts).toEqual(['[{"id":1},'])
  expect(cutShort).toMatchObject({ code: 'FETCH_CUT_SHORT' })
})

test('time that is over while a page is waited for ends the feed with the trouble of the page', async () => {
  answers = {
    '/1': leadingTo('/2'),
    '/2': (_request, response) => response.writeHead(503, { 'retry-after': '20' }).end()
  }
  const { texts, cutShort } = await fetchPages({ patience: { attempts: 2, baseMs: 1 } }, { timeoutMs: 1_000 })
  expect(texts).toEqual(['[1]'])
  expect(cutShort).toMatchObject({ code: 'FETCH_STATUS' })
})
