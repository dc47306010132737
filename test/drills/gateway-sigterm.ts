import { setTimeout as sleep } from 'node:timers/promises'
import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, missingAtLast, offerBody, SABOTAGE } from './_gateway-house.ts'
import { createClient, type Shot } from '../support/load.ts'

const CONNECTIONS = 50
const DEADLINE_MS = 30_000

const sigterm = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const key = await at.addKeySource({ slug: 'key' })
  const gateway = await at.startGateway({ preload: drill.isSabotaged ? [SABOTAGE.exitAtOnce] : [] })
  await at.house.startWorker()
  const client = createClient(CONNECTIONS)
  drill.cleanup(client.close)
  const shots: (Shot & { id: string })[] = []
  const over = new AbortController()
  const senders = Array.from({ length: CONNECTIONS }, async (_, connection) => {
    for (let index = 0; !over.signal.aborted; index += 1) {
      const id = `s-${connection}-${index}`
      const shot = await client.post({
        url: `${gateway.url}/webhooks/key`,
        headers: key,
        body: offerBody(id)
      })
      shots.push({ ...shot, id })
      if (shot.status === 0) return // the door is shut: there is nobody to send to
    }
  })
  await sleep(drill.setting('seconds') * 1_000)
  const before = shots.length
  const terminatedAt = performance.now()
  gateway.signal('SIGTERM')
  const end = await gateway.exit
  const tookMs = performance.now() - terminatedAt
  over.abort()
  await Promise.all(senders)
  drill.injected(`SIGTERM at full load, after ${before} answers on ${CONNECTIONS} connections`)
  drill.held(
    'it exits with 0 within the deadline',
    end.code === 0 && tookMs < DEADLINE_MS,
    `${end.code ?? end.signal} after ${(tookMs / 1000).toFixed(1)} s`
  )
  const inHand = shots.filter(
    ({ sentAt, tookMs }) => sentAt < terminatedAt && sentAt + tookMs >= terminatedAt
  )
  const reset = inHand.filter(({ status }) => status === 0)
  drill.held(
    'every request in hand is answered, none is reset',
    inHand.length > 0 && reset.length === 0,
    `${inHand.length} in hand, ${reset.length} reset`
  )
  const late = shots.filter(({ sentAt }) => sentAt >= terminatedAt)
  const lost = shots.filter(({ status, isReused }) => status === 0 && isReused)
  drill.held(
    'no request on a connection it had taken goes without an answer, however late it was sent',
    late.length > 0 && lost.length === 0,
    `${late.length} sent after the signal, ${late.filter(({ isReused }) => isReused).length} on such a connection, ${lost.length} lost`
  )
  const odd = shots.filter(({ status, text }) => status !== 202 && text !== 'ECONNREFUSED')
  drill.held(
    'who connects after that is refused, and nothing else is answered',
    odd.length === 0,
    `${odd.length}: ${[...new Set(odd.map(({ status, text }) => `${status} ${text}`))].slice(0, 3).join('; ')}`
  )
  const acknowledged = new Set(shots.filter(({ status }) => status === 202).map(({ id }) => id))
  const missing = await missingAtLast(at.db, acknowledged)
  drill.held(
    'nothing that was accepted is lost',
    acknowledged.size > 0 && missing.length === 0,
    `${acknowledged.size} accepted, ${missing.length} not applied`
  )
}

await runDrill({
  name: 'gateway-sigterm',
  about: 'SIGTERM at full load: what was accepted is applied, what was in hand is answered',
  sabotage: 'the gateway exits at once',
  settings: { seconds: 5 },
  run: sigterm
})
