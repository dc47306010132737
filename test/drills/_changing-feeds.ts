import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createChance, createDemoOffers, toKyero, type DemoOffer } from '@sluice/examples/costa-demo'
import { TIME_ZONE } from './_feed-house.ts'

/** A Kyero feed that says something else whenever it is told to, and remembers what it has said. */
export interface ChangingFeed {
  slug: string
  url: string
  /** Records that know their time are as new as their file; of others nobody knows how old the file is. */
  isDated: boolean
  /** The offers that stand in every version. */
  steady: ReadonlySet<string>
  /** The ids in each version so far, by the sha256 of its file. */
  versions: ReadonlyMap<string, ReadonlySet<string>>
  /** What it says now. */
  now: () => Version
  change: () => void
}

interface Version {
  file: Buffer
  sha256: string
}

const OFFERS = 20
const STEADY = 8
/** A server as they are: some answers are slow, and come in pieces. */
const SLOW_SHARE = 0.3
const SLOWEST_MS = 1_500

/**
 * Serves so many feeds on this machine. Their records know their own time or do not, their server answers conditional
 * requests or does not, and says when the file was written or does not. The same seed makes the same versions.
 */
export const serveChangingFeeds = async (
  count: number,
  seed: number
): Promise<{ feeds: readonly ChangingFeed[]; close: () => Promise<void> }> => {
  const routes = new Map<string, RequestListener>()
  const server = createServer((request, response) => {
    const answer = routes.get(request.url ?? '/')
    if (answer === undefined) response.writeHead(404).end()
    else answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const feeds = Array.from({ length: count }, (_, index): ChangingFeed => {
    const slug = `feed-${index + 1}`
    const { answer, ...feed } = createChangingFeed(slug, index, seed + index)
    routes.set(`/${slug}.xml`, answer)
    return { ...feed, slug, url: `http://127.0.0.1:${port}/${slug}.xml` }
  })
  return {
    feeds,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

const createChangingFeed = (
  slug: string,
  kind: number,
  seed: number
): Omit<ChangingFeed, 'slug' | 'url'> & { answer: RequestListener } => {
  const chance = createChance(seed)
  const slowness = createChance(-seed)
  const [isDated, isConditional, isStamped] = [kind % 2 === 0, kind % 3 !== 0, kind % 4 < 2]
  const templates = createDemoOffers(OFFERS)
  const idOf = (number: number): string => `${slug}-${number}`
  const steady = new Set(templates.slice(0, STEADY).map((_, index) => idOf(index)))
  const versions = new Map<string, ReadonlySet<string>>()
  const isUntouched = (id: string): boolean => steady.has(id) && Number(id.slice(slug.length + 1)) % 2 === 0
  let listed = templates.map((offer, index) => ({ ...offer, id: idOf(index) }))
  let made = listed.length
  let hidden: DemoOffer[] = []
  let version: Version & { writtenAt: string }

  const write = (): void => {
    const text = [...toKyero(listed)].join('')
    const file = Buffer.from(isDated ? text : text.replaceAll(/ *<date>.*<\/date>\n/g, ''))
    const sha256 = createHash('sha256').update(file).digest('hex')
    version = { file, sha256, writtenAt: new Date().toUTCString() }
    versions.set(sha256, new Set(listed.map(({ id }) => id)))
  }
  write()

  return {
    isDated,
    steady,
    versions,
    now: () => version,
    change: () => {
      // Of those that were gone some are back as they were: the same bytes.
      const back = hidden.splice(0, chance.between(0, hidden.length))
      const updatedAt = wallClock.format(new Date())
      const stay: DemoOffer[] = []
      const leave: DemoOffer[] = []
      for (const offer of listed) {
        const fate = chance.next()
        if (fate < 0.12 && !steady.has(offer.id)) leave.push(offer)
        // Half of the steady ones never change at all: nobody speaks of them again.
        else if (fate > 0.7 && !isUntouched(offer.id))
          stay.push({ ...offer, updatedAt, price: offer.price + 1_000 })
        else stay.push(offer)
      }
      hidden = [...hidden, ...leave]
      listed = [...stay, ...back]
      if (chance.happens(0.5)) {
        listed.push({ ...chance.oneOf(templates), id: idOf(made), updatedAt })
        made += 1
      }
      write()
    },
    answer: (request, response) => {
      const { file, sha256, writtenAt } = version
      const headers = {
        ...(isConditional ? { etag: `"${sha256}"` } : {}),
        ...(isStamped ? { 'last-modified': writtenAt } : {})
      }
      if (isConditional && request.headers['if-none-match'] === headers.etag)
        return void response.writeHead(304, headers).end()
      response.writeHead(200, { ...headers, 'content-type': 'application/xml' })
      const half = Math.floor(file.length / 2)
      response.write(file.subarray(0, half))
      const pauseMs = slowness.happens(SLOW_SHARE) ? slowness.between(1, SLOWEST_MS) : 0
      void sleep(pauseMs).then(() => response.end(file.subarray(half)))
    }
  }
}

const wallClock = new Intl.DateTimeFormat('sv', {
  timeZone: TIME_ZONE,
  dateStyle: 'short',
  timeStyle: 'medium'
})
