import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from './log.ts'
import { createSideServer, pathOf, type SideServer } from './side-server.ts'

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

/** A check that takes longer has answered: no. */
const CHECK_TIMEOUT_MS = 1_000

/**
 * `GET /livez` and `GET /readyz` for services without an HTTP server of their own: 200 or 503, and the report as JSON.
 * Resolves when it listens; rejects when the address is taken.
 */
export const createHealthServer = ({
  host,
  port,
  live,
  ready,
  log
}: HealthServerOptions): Promise<SideServer> => {
  const checks = new Map<string, HealthCheck>([
    ['/livez', live],
    ['/readyz', ready]
  ])
  return createSideServer({
    name: 'health',
    host,
    port,
    answer: (request, response) => answer(checks, request, response),
    log
  })
}

const answer = async (
  checks: ReadonlyMap<string, HealthCheck>,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  const check = checks.get(pathOf(request))
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
