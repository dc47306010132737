import { setTimeout as sleep } from 'node:timers/promises'
import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, offerBody, SABOTAGE } from './_gateway-house.ts'
import { codeOf, createClient } from '../support/load.ts'
import { waitFor } from '../support/process.ts'

interface Effect {
  revision: number
  changes: number
  amount: string
}

const copies = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const signed = await at.addSignedSource({ slug: 'signed' })
  const stranger = await at.addSignedSource({ slug: 'stranger' })
  const plain = await at.addKeySource({ slug: 'plain' })
  const options = { preload: drill.isSabotaged ? [SABOTAGE.sameBodyIsACopy] : [] }
  const gateways = [await at.startGateway(options), await at.startGateway(options)]
  await at.house.startWorker()
  const count = drill.setting('copies')
  const client = createClient(count)
  drill.cleanup(client.close)
  const post = (index: number, source: string, headers: Record<string, string>, body: string) =>
    client.post({ url: `${gateways[index % 2]?.url}/webhooks/${source}`, headers, body })
  const effectOn = async (id: string): Promise<Effect | undefined> => {
    const [row] = await at.db.sql.$queryRaw<Effect[]>`
      SELECT o.revision::int AS revision, jsonb_path_query_first(o.content, '$.**.amount') #>> '{}' AS amount,
        (SELECT count(*)::int FROM offer_changes c WHERE c.external_id = o.external_id) AS changes
      FROM offers o WHERE external_id = ${id}`
    return row
  }
  const settled = async (deliveries: number): Promise<void> => {
    await waitFor(`${deliveries} deliveries to be settled`, async () => {
      const [row] = await at.db.sql.$queryRaw<
        [{ count: number }]
      >`SELECT count(*)::int AS count FROM deliveries`
      return row.count >= deliveries
    })
  }

  const body = offerBody('twin')
  const headers = signed.sign('msg_twin', body)
  const shots = await Promise.all(
    Array.from({ length: count }, (_, index) => post(index, 'signed', headers, body))
  )
  const published = shots.filter(({ status }) => status === 202).length
  drill.injected(`${count} copies of one delivery at once, at two replicas: ${published} were published`)
  drill.held(
    'each is answered 202 or 200',
    shots.every(({ status }) => status === 202 || status === 200),
    [...Map.groupBy(shots, codeOf)].map(([code, some]) => `${some.length} × ${code}`).join(', ')
  )
  await settled(published)
  const twin = await effectOn('twin')
  drill.held('they have one effect', twin?.changes === 1 && twin.revision === 1, JSON.stringify(twin))

  const late = await post(1, 'signed', signed.sign('msg_twin', body), body)
  drill.held('a retry, signed anew, is a duplicate', late.status === 200, late.status)
  const foreign = await post(0, 'stranger', stranger.sign('msg_twin', body), body)
  drill.held('the same id from another source is not', foreign.status === 202, foreign.status)

  // Without an id that is vouched for, nothing is a copy: what was true before may be true again.
  for (const [index, amount] of [100, 200, 100].entries()) {
    const { status } = await post(index, 'plain', plain, offerBody('swing', amount))
    drill.say(`A, B, A: ${amount} was answered ${status}`)
    await sleep(1_000)
  }
  const swing = await waitFor('the third to be applied', async () => {
    const effect = await effectOn('swing')
    return effect?.revision === 3 && effect
  }).catch(() => effectOn('swing'))
  drill.injected('A, B, A one second apart, without an id')
  drill.held('A, B, A ends at A', Number(swing?.amount) === 100, JSON.stringify(swing))
}

await runDrill({
  name: 'gateway-copies',
  about: '1,000 copies of one delivery at once have one effect; A, B, A ends at A',
  sabotage: 'a body that came before is taken for a copy',
  settings: { copies: 1_000 },
  run: copies
})
