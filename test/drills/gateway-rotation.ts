import { setTimeout as sleep } from 'node:timers/promises'
import { revokeApiKey } from '@sluice/prisma/tables/api-keys'
import { revokeSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, offerBody, type GatewayHouse, type Sign } from './_gateway-house.ts'
import { addKey, addSource } from '../support/gateway.ts'
import { codeOf, createClient, fireAtRate, type Shot } from '../support/load.ts'
import { waitFor } from '../support/process.ts'

const EFFECTIVE_WITHIN_MS = 2_000
/** Beyond a burst of failures, which asking again and again is, 401 becomes 429. */
const REFUSED: ReadonlySet<number> = new Set([401, 429])

/** A source whose senders change from one credential to the next. */
interface Door {
  slug: string
  old: Sign
  /** Makes the next one, valid beside the old. */
  add: () => Promise<Sign>
  revokeOld: () => Promise<unknown>
}

const addDoors = async (at: GatewayHouse): Promise<readonly Door[]> => {
  const signed = await at.addSignedSource({ slug: 'signed' })
  const keyed = await addSource(at.db, { slug: 'keyed' })
  return [
    {
      slug: 'signed',
      old: signed.sign,
      add: () => signed.addSecret('second'),
      revokeOld: () => revokeSourceSecret(at.db.sql, signed.sourceId, 'first')
    },
    {
      slug: 'keyed',
      old: () => ({ 'x-api-key': keyed.key }),
      add: async () => {
        const { key } = await addKey(at.db, keyed.sourceId)
        return () => ({ 'x-api-key': key })
      },
      revokeOld: () => revokeApiKey(at.db.sql, keyed.prefix)
    }
  ]
}

const rotation = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const doors = await addDoors(at)
  const replicas = [await at.startGateway(), await at.startGateway()]
  const client = createClient(500)
  drill.cleanup(client.close)
  const post = (door: Door, sign: Sign, index: number, replica: number): Promise<Shot> => {
    const body = offerBody(`${door.slug}-${index}`)
    const url = `${replicas[replica]?.url}/webhooks/${door.slug}`
    return client.post({ url, headers: sign(`msg_${index}`, body), body })
  }
  /** What senders may use of each door; whoever sends takes the next of them. */
  let inUse = doors.map(({ old }) => [old])
  const shots: Shot[] = []
  const end = new AbortController()
  const firing = fireAtRate(
    drill.setting('rate'),
    async (index) => {
      const place = index % doors.length
      const [door, signs] = [doors[place], inUse[place]]
      const turn = Math.floor(index / doors.length)
      const sign = signs?.[Math.floor(turn / replicas.length) % signs.length]
      if (door === undefined || sign === undefined) throw new Error('there is no such door')
      shots.push(await post(door, sign, index, turn % replicas.length))
    },
    end.signal
  )
  const revokeOld = () => Promise.all(doors.map((door) => door.revokeOld()))
  await sleep(EFFECTIVE_WITHIN_MS)

  const next = await Promise.all(doors.map((door) => door.add()))
  if (drill.isSabotaged) await revokeOld()
  await sleep(EFFECTIVE_WITHIN_MS)
  drill.injected(
    `another key and another secret, both used beside the old ones from request ${shots.length} on`
  )
  inUse = doors.map(({ old }, place) => [old, next[place] ?? old])
  await sleep(EFFECTIVE_WITHIN_MS)
  drill.injected(`the senders use only the new ones from request ${shots.length} on`)
  inUse = next.map((sign) => [sign])
  await sleep(EFFECTIVE_WITHIN_MS)

  if (!drill.isSabotaged) await revokeOld()
  const revokedAt = performance.now()
  drill.injected('the old ones are revoked under load')
  let index = 1_000_000
  const askAll = () =>
    Promise.all(doors.flatMap((door) => replicas.map((_, replica) => post(door, door.old, index++, replica))))
  const refusedAfterMs = await waitFor(
    'both replicas to refuse the old ones',
    async () => (await askAll()).every(({ status }) => REFUSED.has(status)),
    { timeoutMs: 10_000, everyMs: 50 }
  ).then(() => performance.now() - revokedAt)
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
    'the revoked key and secret are refused by both replicas within 2 s',
    refusedAfterMs <= EFFECTIVE_WITHIN_MS,
    `${Math.round(refusedAfterMs)} ms`
  )
}

await runDrill({
  name: 'gateway-rotation',
  about: 'a key and a secret are replaced under load at two replicas: added, used, and the old ones revoked',
  sabotage: 'the old ones are revoked before the new ones are used',
  settings: { rate: 400 },
  run: rotation
})
