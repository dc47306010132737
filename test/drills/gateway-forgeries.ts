import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { listRefusals } from '@sluice/prisma/tables/refusals'
import { runDrill, type Running } from './_drill.ts'
import type { Forged, Forgery } from './_forger.ts'
import { createGatewayHouse, offerBody, residentMb, SABOTAGE } from './_gateway-house.ts'
import { codeOf, createClient, fireAtRate, percentile, type Shot } from '../support/load.ts'
import { waitFor } from '../support/process.ts'

/** Forgers who keep sending; the valid sender is behind the address of the first, as behind one router. */
const LOUD = Array.from({ length: 50 }, (_, index) => `10.200.200.${100 + index}`)
const IDLE_MS = 5_000
/** Of the whole process: what V8 allows itself under load is about 100, and a flood let in doubles it. */
const MOST_GROWTH_MB = 150
/** The least patient senders give up then; what is ours of it is 800 ms. */
const PATIENCE_MS = 1_000
const REFUSED = new Set(['401', '429'])

const p99 = (some: readonly Shot[]): number =>
  Math.round(
    percentile(
      some.map(({ tookMs }) => tookMs),
      0.99
    )
  )

/** Those that were still without an answer at the end included. */
const sentBetween = (shots: readonly Shot[], beginsAt: number, endsAt: number): Shot[] =>
  shots.filter(({ sentAt }) => sentAt >= beginsAt && sentAt <= endsAt)

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

const startForging = (forgery: Forgery, drill: Pick<Running, 'cleanup'>): { end: () => Promise<Forged> } => {
  const forger = fork(new URL('_forger.ts', import.meta.url), [JSON.stringify(forgery)])
  drill.cleanup(() => forger.kill())
  return {
    end: async () => {
      forger.send('end')
      const [forged] = (await once(forger, 'message')) as [Forged]
      return forged
    }
  }
}

const forgeries = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const valid = drill.setting('valid')
  // Little more than the sender needs: forgeries counted against it, and it would run dry.
  const quota = Math.ceil(valid * 60 * 1.5)
  const source = await at.addSignedSource({ slug: 'signed', rateLimit: quota })
  const gateway = await at.startGateway({
    env: { GATEWAY_PROXY_HOPS: '1' },
    preload: drill.isSabotaged ? [SABOTAGE.admitAnybody] : []
  })
  const url = `${gateway.url}/webhooks/signed`
  const sender = createClient(200)
  drill.cleanup(sender.close)

  const shots: Shot[] = []
  const over = new AbortController()
  const sending = fireAtRate(
    valid,
    async (index) => {
      const body = offerBody(`v-${index}`)
      const headers = { ...source.sign(`msg_${index}`, body), 'x-forwarded-for': LOUD[0] ?? '' }
      shots.push(await sender.post({ url, headers, body }))
    },
    over.signal
  )
  await sleep(IDLE_MS)
  const idle = shots.length
  const idleMb = await residentMb(gateway.pid)

  const beginsAt = performance.now()
  const forger = startForging({ url, perSecond: drill.setting('forged'), loudAddresses: LOUD }, drill)
  let mostMb = idleMb
  for (let second = 0; second < drill.setting('seconds'); second += 1) {
    await sleep(1_000)
    mostMb = Math.max(mostMb, await residentMb(gateway.pid))
  }
  const endsAt = performance.now()
  const forged = await forger.end()
  over.abort()
  await sending

  const answered = sum(Object.values(forged.answers))
  const addresses = LOUD.length + Math.floor(forged.sent / 2)
  drill.injected(
    `${answered} forgeries in ${Math.round(forged.seconds)} s from ${addresses} addresses: ${JSON.stringify(forged.answers)}`
  )
  const rate = Math.round(answered / forged.seconds)
  drill.held('they come as fast as is claimed', rate >= 0.95 * drill.setting('forged'), `${rate} a second`)
  const others = Object.entries(forged.answers).filter(([status]) => !REFUSED.has(status))
  drill.held(
    'every forgery is refused',
    others.length === 0 && forged.lost === 0 && answered === forged.sent,
    `${answered} of ${forged.sent}, ${JSON.stringify(Object.fromEntries(others))} otherwise`
  )
  const failed = shots.filter(({ status }) => status !== 202)
  drill.held(
    'every valid request succeeds, though forgers have its address too',
    failed.length === 0,
    `${shots.length - failed.length} of ${shots.length} ${[...new Set(failed.map(codeOf))].join()}`
  )
  const left = Math.min(...shots.map(({ quotaLeft }) => quotaLeft ?? quota))
  drill.held(
    'the quota was spent by the valid ones alone',
    left < quota && quota - left <= shots.length,
    `${quota - left} of ${quota} for ${shots.length} requests`
  )
  drill.held(
    'the gateway stays small',
    mostMb - idleMb <= MOST_GROWTH_MB,
    `${Math.round(idleMb)} MB before, ${Math.round(mostMb)} MB at most`
  )
  const [idleShots, busyShots] = [shots.slice(0, idle), sentBetween(shots, beginsAt, endsAt)]
  const besideMs = p99(busyShots)
  drill.held(
    'the valid ones have their answers before senders give up',
    besideMs <= PATIENCE_MS,
    `p99 ${p99(idleShots)} ms alone, ${besideMs} ms beside, of ${busyShots.length}`
  )
  const countRefused = async (): Promise<number> =>
    sum((await listRefusals(at.db.sql, { sourceSlug: 'signed' })).map(({ count }) => count))
  await waitFor('the refusals to be written', async () => (await countRefused()) >= answered, {
    timeoutMs: 10_000
  }).catch(() => undefined)
  const refused = await countRefused()
  drill.held('the gateway has counted every one of them', refused === answered, `${refused} of ${answered}`)
}

await runDrill({
  name: 'gateway-forgeries',
  about: '5,000 forged requests a second from thousands of addresses beside 100 valid ones',
  sabotage: 'the door does not compare what senders show',
  settings: { seconds: 30, forged: 5_000, valid: 100 },
  run: forgeries
})
