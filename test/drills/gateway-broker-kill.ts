import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { runDrill, type Running } from './_drill.ts'
import {
  createGatewayHouse,
  missingAtLast,
  offerBody,
  residentMb,
  SABOTAGE,
  type GatewayHouse
} from './_gateway-house.ts'
import type { GatewayProcess } from '../support/house.ts'
import { codeOf, createClient, fireAtRate, percentile, type Shot } from '../support/load.ts'

const MAX_ANSWER_MS = 1_000
const MAX_GROWTH_MB = 100
const MAX_RECOVERY_MS = 20_000
/** Of connections a gateway's end; others wait their turn, and that would count as ours. */
const CONNECTIONS = 2_000
const DOWN_MS = 2_000

type Slug = 'kept' | 'refused'
interface Answered extends Shot {
  id: string
  slug: Slug
  gateway: GatewayProcess
}

/** Sends to both replicas in turn, to a source with an outbox and to one without, and keeps every answer. */
const loadOn = (
  replicas: () => readonly GatewayProcess[],
  headers: Record<Slug, Record<string, string>>
): { answers: Answered[]; fire: (index: number) => Promise<void>; close: () => void } => {
  const client = createClient(CONNECTIONS)
  const answers: Answered[] = []
  return {
    answers,
    fire: async (index) => {
      const up = replicas()
      const gateway = up[index % up.length]
      if (gateway === undefined) throw new Error('no gateway is left')
      const slug = Math.floor(index / up.length) % 2 === 0 ? 'kept' : 'refused'
      const id = `${slug}-${index}`
      const url = `${gateway.url}/webhooks/${slug}`
      const shot = await client.post({ url, headers: headers[slug], body: offerBody(id) })
      answers.push({ ...shot, id, slug, gateway })
    },
    close: client.close
  }
}

/** Kills the broker, starts it again, and says when it was up. */
const killBroker = async (drill: Running, { rabbit }: GatewayHouse, count: number): Promise<number> => {
  await rabbit.kill()
  const killedAt = performance.now()
  await sleep(DOWN_MS)
  await rabbit.start()
  const upAt = performance.now()
  drill.injected(
    `RabbitMQ killed with SIGKILL, the ${count === 1 ? 'first' : 'second'} time, and up again after ${seconds(upAt - killedAt)}`
  )
  return upAt
}

const brokerKill = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const headers = {
    kept: await at.addKeySource({ slug: 'kept', onBrokerDown: 'outbox' }),
    refused: await at.addKeySource({ slug: 'refused', onBrokerDown: 'refuse' })
  }
  const preload = drill.isSabotaged ? [SABOTAGE.answerEarly] : []
  const [survivor, victim] = [await at.startGateway({ preload }), await at.startGateway({ preload })]
  await at.house.startWorker()
  let replicas = [survivor, victim]
  const load = loadOn(() => replicas, headers)
  drill.cleanup(load.close)

  const [duration, rate] = [drill.setting('seconds'), drill.setting('rate')]
  const lag = monitorEventLoopDelay({ resolution: 10 })
  lag.enable()
  const startedAt = performance.now()
  const until = (share: number): Promise<void> =>
    sleep(Math.max(0, startedAt + share * duration * 1000 - performance.now()))
  drill.say(`${duration} s of ${rate} requests a second at two replicas`)
  const end = new AbortController()
  const firing = fireAtRate(rate, load.fire, end.signal)

  await until(0.1)
  const calmMb = await residentMb(survivor.pid)
  let mostMb = calmMb
  const watch = setInterval(() => {
    void residentMb(survivor.pid).then((mb) => (mostMb = Math.max(mostMb, mb)))
  }, 250)
  drill.cleanup(() => clearInterval(watch))

  // One fault after the other has healed, however slow the machine: what is judged below has one cause.
  const untilHealed = async (up: number): Promise<void> => {
    while (performance.now() < up + MAX_RECOVERY_MS && recoveryOf(load.answers, up) === undefined)
      await sleep(100)
  }
  const upAt = [await killBroker(drill, at, 1)]
  await untilHealed(upAt[0] ?? 0)
  await until(0.4)
  upAt.push(await killBroker(drill, at, 2))
  await untilHealed(upAt[1] ?? 0)
  await until(0.75)
  const victimAnswered = load.answers.filter(({ gateway }) => gateway === victim).length
  victim.signal('SIGKILL')
  const killedAt = performance.now()
  replicas = [survivor]
  await victim.exit
  drill.injected(`one of two gateways killed with SIGKILL, after ${victimAnswered} answers`)
  await until(1)
  end.abort()
  const sent = await firing
  clearInterval(watch)
  const { answers } = load

  const refusals = answers.filter(({ slug, status }) => slug === 'refused' && status >= 300)
  const logged = [survivor, victim].flatMap((gateway) => gateway.lines())
  const outboxed = logged.reduce((sum, { outboxed: some }) => sum + (typeof some === 'number' ? some : 0), 0)
  drill.injected(
    `of ${sent} requests ${refusals.length} were refused for the broker, and ${outboxed} went to the outbox`
  )
  drill.held('the faults bit', refusals.length > 0 && outboxed > 0, `${refusals.length} and ${outboxed}`)

  const lost = answers.filter(({ status }) => status === 0)
  const unexplained = lost.filter(
    ({ gateway, sentAt, tookMs }) => gateway !== victim || sentAt + tookMs < killedAt
  )
  drill.held(
    'only the killed gateway leaves requests without an answer',
    unexplained.length === 0,
    `${unexplained.length} others, ${lost.length} of its own ${unexplained[0]?.text ?? ''}`.trim()
  )
  const bad = refusals.filter(
    ({ status, tookMs, retryAfter }) => status !== 503 || tookMs > MAX_ANSWER_MS || !(Number(retryAfter) > 0)
  )
  drill.held(
    'with `refuse`, every non-2xx is a 503 with Retry-After within 1 s',
    bad.length === 0,
    `${bad.length} others; slowest ${slowest(refusals)}`
  )
  const kept = answers.filter(({ slug, status }) => slug === 'kept' && status > 0)
  const unkept = kept.filter(({ status, tookMs }) => status !== 202 || tookMs > MAX_ANSWER_MS)
  drill.held(
    'with the outbox, every answer is a 202 within 1 s',
    kept.length > 0 && unkept.length === 0,
    `${unkept.length} of ${kept.length} not ${unkept.slice(0, 3).map(codeOf).join(', ')}; slowest ${slowest(kept)}`
  )
  const own = logged.flatMap(({ durationMs }) => (typeof durationMs === 'number' ? [durationMs] : []))
  drill.say(
    `of every time above, our own event loop was late by ${Math.round(lag.max / 1e6)} ms at most; by their own clocks the gateways took ${Math.round(percentile(own, 1))} ms at most, p99 ${Math.round(percentile(own, 0.99))} ms`
  )
  for (const [index, up] of upAt.entries()) {
    const recovery = recoveryOf(answers, up)
    drill.held(
      `confirmed 2xx again within 20 s of broker start ${index + 1}, without a restart`,
      recovery !== undefined && recovery <= MAX_RECOVERY_MS,
      recovery === undefined ? 'never' : seconds(recovery)
    )
  }
  drill.held(
    'memory of the surviving gateway grows by at most 100 MB',
    mostMb - calmMb <= MAX_GROWTH_MB,
    `${Math.round(mostMb - calmMb)} MB, from ${Math.round(calmMb)} MB`
  )

  const acknowledged = new Set(answers.filter(({ status }) => status === 202).map(({ id }) => id))
  const missing = await missingAtLast(at.db, acknowledged)
  drill.held(
    'acknowledged minus applied is empty',
    acknowledged.size > 0 && missing.length === 0,
    `${acknowledged.size} acknowledged, ${missing.length} not applied`
  )
  const [outbox] = await at.db.sql.$queryRaw<[{ count: number }]>`SELECT count(*)::int AS count FROM outbox`
  drill.held('the outbox is empty again', outbox.count === 0, outbox.count)
}

/** How long after `upAt` the first request was sent that a broker confirmed: only the source without an outbox tells. */
const recoveryOf = (answers: readonly Answered[], upAt = 0): number | undefined => {
  const confirmed = answers.filter(
    ({ slug, status, sentAt }) => slug === 'refused' && status === 202 && sentAt >= upAt
  )
  return confirmed.length === 0 ? undefined : Math.min(...confirmed.map(({ sentAt }) => sentAt)) - upAt
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const slowest = (shots: readonly Shot[]): string => {
  const times = shots.map(({ tookMs }) => tookMs)
  return `${Math.round(percentile(times, 1))} ms, p99 ${Math.round(percentile(times, 0.99))} ms`
}

await runDrill({
  name: 'gateway-broker-kill',
  about: 'load on two gateways while RabbitMQ is killed and started twice, and one gateway is killed',
  sabotage: 'the gateway answers before the confirm',
  settings: { seconds: 60, rate: 400 },
  run: brokerKill
})
