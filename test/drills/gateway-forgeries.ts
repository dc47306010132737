import { setTimeout as sleep } from 'node:timers/promises'
import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, createSign, offerBody, SABOTAGE } from './_gateway-house.ts'
import { codeOf, createClient, fireAtRate, percentile, type Shot } from '../support/load.ts'

/** Addresses of the forgers; all of 127.0.0.0/8 is this machine. */
const FORGERS = 50
const IDLE_MS = 5_000

const p99 = (some: readonly Shot[]): number =>
  Math.round(
    percentile(
      some.map(({ tookMs }) => tookMs),
      0.99
    )
  )

const forgeries = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const valid = drill.setting('valid')
  // Little more than the sender needs: one forgery counted against it and it would run dry.
  const source = await at.addSignedSource({ slug: 'signed', rateLimit: Math.ceil(valid * 60 * 1.5) })
  const gateway = await at.startGateway({ preload: drill.isSabotaged ? [SABOTAGE.admitAnybody] : [] })
  const url = `${gateway.url}/webhooks/signed`
  const [sender, forger] = [createClient(200), createClient(100)]
  drill.cleanup(sender.close)
  drill.cleanup(forger.close)

  const shots: Shot[] = []
  const end = new AbortController()
  const sending = fireAtRate(
    valid,
    async (index) => {
      const body = offerBody(`v-${index}`)
      shots.push(await sender.post({ url, headers: source.sign(`msg_${index}`, body), body }))
    },
    end.signal
  )
  await sleep(IDLE_MS)
  const idle = shots.length

  const forged: Record<number, number> = {}
  const over = new AbortController()
  const sign = createSign(Buffer.alloc(32, 1))
  const startedAt = performance.now()
  const forging = fireAtRate(
    drill.setting('forged'),
    async (index) => {
      const body = offerBody(`f-${index}`)
      const { status } = await forger.post({
        url,
        localAddress: `127.0.1.${1 + (index % FORGERS)}`,
        headers: { ...sign(`msg_f${index}`, body), 'x-forwarded-for': `10.0.${index % 250}.1` },
        body
      })
      forged[status] = (forged[status] ?? 0) + 1
    },
    over.signal
  )
  await sleep(drill.setting('seconds') * 1_000)
  const busy = shots.length
  const seconds = (performance.now() - startedAt) / 1000
  const answered = Object.values(forged).reduce((sum, count) => sum + count, 0)
  over.abort()
  end.abort()
  await Promise.all([sending, forging])
  drill.injected(
    `${Math.round(answered / seconds)} forgeries a second from ${FORGERS} addresses: ${JSON.stringify(forged)}`
  )
  const accepted = Object.entries(forged).filter(([status]) => Number(status) >= 200 && Number(status) < 300)
  drill.held('no forgery is accepted', accepted.length === 0, accepted.map(([, count]) => count).join() || 0)
  const failed = shots.filter(({ status }) => status !== 202)
  drill.held(
    'every valid request succeeds',
    failed.length === 0,
    `${shots.length - failed.length} of ${shots.length} ${[...new Set(failed.map(codeOf))].join()}`
  )
  drill.say(
    `p99 of the valid: ${p99(shots.slice(0, idle))} ms alone, ${p99(shots.slice(idle, busy))} ms beside`
  )
}

await runDrill({
  name: 'gateway-forgeries',
  about: '5,000 forged requests a second from 50 addresses beside 100 valid ones',
  sabotage: 'the door does not compare what senders show',
  settings: { seconds: 30, forged: 5_000, valid: 100 },
  run: forgeries
})
