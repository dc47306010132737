import { createApiKey } from '@sluice/prisma/tables/api-keys'
import { createSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { createSource } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import type { Db } from '@sluice/prisma/client'
import type { Envelope } from '@sluice/shared/envelope'
import { keyDigest, keyPrefix } from '@sluice/shared/keys'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import type { GatewayOptions, GatewayProcess } from '../house.ts'
import type { WireAnswer } from './answers.ts'
import { createArrivals } from './arrivals.ts'
import { createSenders, type Sender } from './senders.ts'
import { createWire, type WireRequest } from './wire.ts'

/** A real gateway, in a process of its own, as whoever reaches its port sees it, and what it publishes. */
export interface FuzzDoor {
  senders: readonly KnownSender[]
  send: (requests: readonly FuzzRequest[]) => Promise<FuzzAnswer[]>
  /** What went wrong besides answers: it ended, it logged an error, it published what it did not accept. */
  problems: () => string[]
  /** Requests that were sent again because the house was busy. */
  readonly sentAgain: number
  close: () => Promise<void>
}

export interface KnownSender extends Sender {
  slug: string
  /** With the query it sends to. */
  path: string
}

export interface FuzzRequest {
  method: string
  path: string
  headers: Readonly<Record<string, string | readonly string[]>>
  body: Buffer
}

export interface FuzzAnswer extends WireAnswer {
  /** What was published of it. */
  envelopes: readonly Envelope[]
}

export interface FuzzHouse {
  db: Pick<Db, 'sql'>
  masterKey: string
  rabbitUrl: string
  /** Queue of the webhooks. */
  queue: string
  startGateway: (options: GatewayOptions) => Promise<GatewayProcess>
}

const CANARY = new URL('canary.ts', import.meta.url).pathname
/** Our own fault, and not that of a request: the machine was busy, which a second attempt tells apart. */
const BUSY = /"code":"(?:NOT_ACCEPTED|SOURCES_UNAVAILABLE|OUTBOX_FULL)"/
const ATTEMPTS = 4
const AGAIN_AFTER_MS = 1_000

/** @param preload modules that break the gateway, to see whether that is noticed */
export const createFuzzDoor = async (
  house: FuzzHouse,
  preload: readonly string[] = []
): Promise<FuzzDoor> => {
  const senders = await addSources(house)
  const gateway = await house.startGateway({
    env: { LOG_LEVEL: 'error', GATEWAY_PROXY_HOPS: '1' },
    preload: [CANARY, ...preload]
  })
  let ended: string | undefined
  void gateway.exit.then(({ code, signal }) => (ended = `the gateway ended with ${code ?? signal}`))
  const { hostname, port } = new URL(gateway.url)
  const wire = createWire({ host: hostname, port: Number(port) })
  const arrivals = await createArrivals(house.rabbitUrl, house.queue)
  const refused = new Set<string>()
  let sentAgain = 0

  const exchange = async (
    requests: readonly WireRequest[],
    attempt = 1
  ): Promise<(WireAnswer | undefined)[]> => {
    const answers = await wire.send(requests)
    const busy = answers.flatMap((answer, index) =>
      answer?.status === 503 && BUSY.test(answer.text) ? [index] : []
    )
    if (busy.length === 0 || attempt === ATTEMPTS) return answers
    for (const index of busy) refused.add(deliveryIdOf(answers[index])) // some of its records may have arrived
    sentAgain += busy.length
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS))
    const again = await exchange(
      busy.flatMap((index) => requests[index] ?? []),
      attempt + 1
    )
    for (const [place, index] of busy.entries()) answers[index] = again[place]
    return answers
  }

  return {
    senders,
    send: async (requests) => {
      const answers = await exchange(requests.map(toWire))
      return await Promise.all(
        answers.map(async (answer = NO_ANSWER) => {
          const count = publishedBy(answer)
          const envelopes = count === 0 ? [] : await arrivals.of(deliveryIdOf(answer), count)
          return { ...answer, envelopes }
        })
      )
    },
    problems: () => [
      ...(ended === undefined ? [] : [`${ended}: ${gateway.output().slice(-2_000)}`]),
      ...gateway
        .lines()
        .map((line) => `logged: ${JSON.stringify(line)}`)
        .filter((line) => !line.includes('"started"')),
      ...arrivals
        .strays()
        .filter((id) => !refused.has(id))
        .map((id) => `published without being accepted: ${id}`)
    ],
    get sentAgain() {
      return sentAgain
    },
    close: async () => {
      wire.close()
      await arrivals.close()
      await gateway.stop()
    }
  }
}

/** A connection that ended without an answer. */
const NO_ANSWER: WireAnswer = { status: 0, headers: {}, text: '' }

const deliveryIdOf = (answer: WireAnswer | undefined): string => answer?.headers['x-request-id'] ?? ''

/** How many records an answer says were taken. */
const publishedBy = ({ status, headers, text }: WireAnswer): number => {
  if (status === 202) return (JSON.parse(text) as { records: number }).records
  // The <Ack> that Salesforce waits for does not say how many: one request of ours holds one.
  return status === 200 && headers['content-type']?.includes('xml') === true ? 1 : 0
}

/** What says where a request ends, and what becomes of its connection. */
const LENGTH: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])
const CONNECTION: ReadonlySet<string> = new Set([...LENGTH, 'connection', 'expect', 'upgrade'])
// oxlint-disable-next-line no-control-regex -- control characters are what ends a connection
const UNSOUND = /[\0-\x08\x0a-\x1f\x7f]/

const toWire = ({ method, path, headers, body }: FuzzRequest): WireRequest => {
  const names = Object.keys(headers)
  const isEndless = names.some((name) => LENGTH.has(name))
  const framing = { host: 'gateway', ...(isEndless ? {} : { 'content-length': String(body.length) }) }
  const lines = Object.entries({ ...framing, ...headers }).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`)
  )
  const isAlone =
    names.some((name) => CONNECTION.has(name)) || [path, ...lines].some((text) => UNSOUND.test(text))
  const head = [`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), body]), isAlone, isEndless }
}

/** One source of every scheme. */
const addSources = async ({ db: { sql }, masterKey }: FuzzHouse): Promise<KnownSender[]> => {
  const sealing = createSealing({ SLUICE_SECRETS_KEY: masterKey })
  const vendor = await createVendor(sql, { slug: 'fuzz', name: 'Fuzz' })
  const known: KnownSender[] = []
  for (const sender of createSenders()) {
    const slug = sender.scheme.replaceAll(/[^a-z0-9]+/g, '-')
    const source = await createSource(sql, {
      vendorId: vendor?.id ?? 0,
      slug,
      kind: 'webhook',
      format: 'sluice',
      timeZone: 'UTC',
      auth: sender.auth
    })
    if (source === undefined || sealing === undefined) throw new Error(`source ${slug} could not be made`)
    const { id: sourceId } = source
    if (sender.auth.scheme === 'api-key') {
      await createApiKey(sql, {
        sourceId,
        prefix: keyPrefix(sender.secret),
        digest: keyDigest(sender.secret)
      })
    } else {
      const sealed = sealing.seal(sender.secret, secretContext(sourceId))
      await createSourceSecret(sql, { sourceId, label: 'only', sealed })
    }
    known.push({ ...sender, slug, path: `/webhooks/${slug}${sender.query ?? ''}` })
  }
  return known
}
