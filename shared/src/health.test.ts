import { afterEach, describe, expect, it } from 'vitest'
import { createHealthServer, type HealthCheck } from './health.ts'
import { createLogger } from './log.ts'
import type { SideServer } from './side-server.ts'

const log = createLogger({ service: 'test', level: 'silent' })
let server: SideServer | undefined

const start = async (ready: HealthCheck): Promise<string> => {
  server = await createHealthServer({ host: '127.0.0.1', port: 0, live: () => ({ ok: true }), ready, log })
  return `http://127.0.0.1:${server.port}`
}

afterEach(async () => {
  await server?.close()
  server = undefined
})

describe('the health server', () => {
  it('answers 200 with the report when ready', async () => {
    const url = await start(() => ({ ok: true, parts: { postgres: 'up' } }))
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ ok: true, parts: { postgres: 'up' } })
  })

  it('stays live while it is not ready', async () => {
    const url = await start(() => ({ ok: false, parts: { postgres: 'away' } }))
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
  })

  it('tells nobody why a check failed', async () => {
    const url = await start(() => Promise.reject(new Error('postgres://user:secret@host is away')))
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.text()).not.toContain('secret')
  })

  it('counts a check that hangs as not ready, within about a second', async () => {
    const url = await start(() => new Promise(() => undefined))
    const before = performance.now()
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect(performance.now() - before).toBeLessThan(4_000)
  })

  it('knows nothing else', async () => {
    const url = await start(() => ({ ok: true }))
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    expect((await fetch(`${url}/livez`, { method: 'POST', body: 'x' })).status).toBe(405)
  })
})
