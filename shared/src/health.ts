import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toError } from './errors.ts'
import type { Logger } from './log.ts'

/** What a service says about itself: `ok` decides the status code, the rest is for the person who asks. */
export interface HealthReport {
  ok: boolean
  /** Name of a part → how it is, in a word or a figure. Never a secret: the answer is not authenticated. */
  parts?: Readonly<Record<string, string | number | boolean>>
}

export type HealthCheck = () => HealthReport | Promise<HealthReport>

export interface HealthServerOptions {
  host: string
  /** 0 takes a free port; read it from `port` of the result. */
  port: number
  /** Whether the process should be kept. A dependency that is away is no reason to restart it. */
  live: HealthCheck
  /** Whether it does its work right now: false while starting, stopping or holding. */
  ready: HealthCheck
  log: Logger
}

export interface HealthServer {
  port: number
  /** Stops listening and cuts what is open; settles at once. */
  close: () => Promise<void>
}

/** A check that takes longer has answered: no. */
const CHECK_TIMEOUT_MS = 1_000
const REQUEST_TIMEOUT_MS = 5_000
const MAX_CONNECTIONS = 64

/**
 * `GET /livez` and `GET /readyz` for services without an HTTP server of their own: 200 or 503, and the report as JSON.
 * Resolves when it listens; rejects when the address is taken.
 */
export const createHealthServer = async ({
  host,
  port,
  live,
  ready,
  log
}: HealthServerOptions): Promise<HealthServer> => {
  const checks = new Map<string, HealthCheck>([
    ['/livez', live],
    ['/readyz', ready]
  ])

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = MAX_CONNECTIONS
  server.on('request', (request, response) => {
    void answer(checks, request, response).catch((thrown: unknown) => {
      log.error({ err: toError(thrown) }, 'health answer failed')
      response.destroy()
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      server.on('error', (error) => log.error({ err: error }, 'health server failed'))
      resolve()
    })
  })

  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

const answer = async (
  checks: ReadonlyMap<string, HealthCheck>,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  request.resume() // a body nobody asked for is read away, within the request timeout
  const [path = ''] = (request.url ?? '').split('?', 1)
  const check = checks.get(path)
  if (check === undefined) return send(response, 404, { ok: false, error: 'ask /livez or /readyz' })
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, { ok: false, error: 'only GET' })
  }
  const report = await reportOf(check)
  send(response, report.ok ? 200 : 503, report)
}

const reportOf = async (check: HealthCheck): Promise<HealthReport & { error?: string }> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<HealthReport & { error: string }>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, error: 'the check took too long' }), CHECK_TIMEOUT_MS)
  })
  try {
    return await Promise.race([Promise.resolve(check()), late])
  } catch {
    return { ok: false, error: 'the check failed' } // its reason may hold an address: not for everyone's eyes
  } finally {
    clearTimeout(timer)
  }
}

const send = (response: ServerResponse, status: number, body: object): void => {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(`${JSON.stringify(body)}\n`)
}
