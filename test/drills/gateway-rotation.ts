import { setTimeout as sleep } from 'node:timers/promises'
import { revokeSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, offerBody, type Sign } from './_gateway-house.ts'
import { codeOf, createClient, fireAtRate, type Shot } from '../support/load.ts'
import { waitFor } from '../support/process.ts'

const EFFECTIVE_WITHIN_MS = 2_000

const rotation = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const source = await at.addSignedSource({ slug: 'signed' })
  const replicas = [await at.startGateway(), await at.startGateway()]
  const client = createClient(500)
  drill.cleanup(client.close)
  const shots: Shot[] = []
  let current: Sign = source.sign
  const post = (sign: Sign, index: number): Promise<Shot> => {
    const body = offerBody(`r-${index}`)
    const url = `${replicas[index % replicas.length]?.url}/webhooks/signed`
    return client.post({ url, headers: sign(`msg_${index}`, body), body })
  }
  const end = new AbortController()
  const firing = fireAtRate(
    drill.setting('rate'),
    async (index) => void shots.push(await post(current, index)),
    end.signal
  )
  await sleep(2_000)
  const revokeOld = (): Promise<unknown> => revokeSourceSecret(at.db.sql, source.sourceId, 'first')

  const next = await source.addSecret('second')
  if (drill.isSabotaged) await revokeOld()
  await sleep(EFFECTIVE_WITHIN_MS)
  current = next
  const switchedAt = shots.length
  drill.injected(`a second secret added under load, and used from request ${switchedAt} on`)
  await sleep(EFFECTIVE_WITHIN_MS)
  if (!drill.isSabotaged) await revokeOld()
  const revokedAt = performance.now()
  let index = 1_000_000
  const refused = await waitFor(
    'both replicas to refuse the old secret',
    async () => {
      const answers = [await post(source.sign, index++), await post(source.sign, index++)]
      return answers.every(({ status }) => status === 401)
    },
    { timeoutMs: 10_000, everyMs: 50 }
  ).then(() => performance.now() - revokedAt)
  drill.injected('the first secret revoked under load')
  await sleep(1_000)
  end.abort()
  const sent = await firing
  const rejected = shots.filter(({ status }) => status !== 202)
  drill.held(
    'no request is rejected',
    rejected.length === 0,
    `${rejected.length} of ${sent}: ${[...new Set(rejected.map(codeOf))].join(', ') || 'none'}`
  )
  drill.held(
    'the revoked secret is refused by both replicas within 2 s',
    refused <= EFFECTIVE_WITHIN_MS,
    `${Math.round(refused)} ms`
  )
}

await runDrill({
  name: 'gateway-rotation',
  about: 'a secret is replaced under load at two replicas: added, used, and the old one revoked',
  sabotage: 'the old secret is revoked before the new one is used',
  settings: { rate: 200 },
  run: rotation
})
