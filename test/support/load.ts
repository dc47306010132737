import { Agent, request, type IncomingHttpHeaders } from 'node:http'

/** One request and what came of it; `status` 0: no answer came, for the reason in `text`. */
export interface Shot {
  status: number
  text: string
  retryAfter: string | undefined
  /** Of the source's rate limit, as the answer says. */
  quotaLeft: number | undefined
  /** Milliseconds of `performance.now()`. */
  sentAt: number
  tookMs: number
  /** Whether it went out on a connection that had carried another before. */
  isReused: boolean
}

export interface Target {
  url: string
  headers?: Record<string, string>
  body: string | Buffer
  /** Default: of the machine. Any of 127.0.0.0/8 is an address of its own. */
  localAddress?: string
}

/** Sends on connections that are kept open. A refused or reset connection is an answer too: status 0. */
export interface Client {
  post: (target: Target) => Promise<Shot>
  close: () => void
}

export const createClient = (connections: number): Client => {
  const agents = new Map<string, Agent>()
  const agentOf = (localAddress: string): Agent => {
    const agent = agents.get(localAddress) ?? new Agent({ keepAlive: true, maxSockets: connections })
    agents.set(localAddress, agent)
    return agent
  }
  return {
    post: ({ url, headers = {}, body, localAddress = '' }) => {
      const sentAt = performance.now()
      const { promise, resolve } = Promise.withResolvers<Shot>()
      const end = (status: number, text: string, headers: IncomingHttpHeaders = {}): void => {
        const left = headers['ratelimit-remaining']
        resolve({
          status,
          text,
          retryAfter: headers['retry-after'],
          quotaLeft: left === undefined ? undefined : Number(left),
          sentAt,
          tookMs: performance.now() - sentAt,
          isReused: sent.reusedSocket
        })
      }
      const lost = (error: NodeJS.ErrnoException): void => end(0, error.code ?? error.message)
      const sent = request(
        url,
        {
          method: 'POST',
          agent: agentOf(localAddress),
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            ...headers
          },
          ...(localAddress === '' ? {} : { localAddress })
        },
        (response) => {
          const chunks: Buffer[] = []
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('end', () =>
              end(response.statusCode ?? 0, Buffer.concat(chunks).toString(), response.headers)
            )
            .on('error', lost)
        }
      )
      sent.on('error', lost)
      sent.end(body)
      return promise
    },
    close: () => {
      for (const agent of agents.values()) agent.destroy()
    }
  }
}

const TICK_MS = 10

/**
 * Open loop: `fire` is called `perSecond` times a second, whatever became of those before, until it is told to end.
 * Resolves when every one has been settled.
 */
export const fireAtRate = async (
  perSecond: number,
  fire: (index: number) => Promise<unknown>,
  until: AbortSignal
): Promise<number> => {
  const startedAt = performance.now()
  const underway = new Set<Promise<unknown>>()
  let fired = 0
  while (!until.aborted) {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond)
    for (; fired < due; fired += 1) {
      const one = fire(fired).finally(() => underway.delete(one))
      underway.add(one)
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  await Promise.all(underway)
  return fired
}

/** Of unsorted samples; NaN of none. */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The status and, of a problem, its code; why there was no answer. */
export const codeOf = ({ status, text }: Shot): string =>
  status === 0 ? text : `${status} ${/"code":"([A-Z_]+)"/.exec(text)?.[1] ?? ''}`.trim()
