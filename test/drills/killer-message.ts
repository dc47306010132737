import { listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { flat } from '../support/workshop.ts'
import { waitFor } from '../support/process.ts'
import { runDrill, type Running } from './_drill.ts'
import { createWorkerHouse, FAULT, SABOTAGE, spawnWorker } from './_worker-house.ts'

/** One lane's prefetch takes them all: whoever dies has every one of them in hand. */
const RECORDS = 100
const KILLER = 57
/** Three returns until it is suspected; then, alone, four until the broker gives it up. */
const MOST_CRASHES = 7
/** Where the drill stops counting. */
const ENOUGH = 12

const killerMessage = async (drill: Running): Promise<void> => {
  const { shop, count } = await createWorkerHouse(drill)
  const { queues } = shop.broker.topology
  const ids = Array.from({ length: RECORDS }, (_, index) => (index === KILLER ? 'killer' : `n${index}`))
  await shop.send(...ids.map((id, index) => shop.feed(1, index, flat(id), 10)))
  const isQuiet = async (): Promise<boolean> => {
    for (const queue of [queues.feed, queues.quarantine, queues.dead]) {
      if ((await shop.broker.count(queue)) > 0) return false
    }
    return (await count('FROM feed_records')) >= RECORDS
  }

  let crashes = 0
  const preload = [FAULT.deadlyRecord, ...(drill.isSabotaged ? [SABOTAGE.noQuarantine] : [])]
  for (let isOver = false; !isOver && crashes < ENOUGH;) {
    const worker = spawnWorker(shop.env, preload)
    drill.cleanup(() => worker.stop())
    let end: Awaited<typeof worker.exit> | undefined
    void worker.exit.then((how) => (end = how))
    const isSettled = async (): Promise<boolean> => end !== undefined || (await isQuiet())
    await waitFor('its death, or every record to be settled', isSettled, { timeoutMs: 60_000, everyMs: 200 })
    isOver = end === undefined
    if (end !== undefined && end.signal !== 'SIGKILL')
      throw new Error(`it died of something else:\n${worker.output()}`)
    if (!isOver) crashes += 1
  }
  drill.injected(`a record that kills its process, among ${RECORDS} in hand: ${crashes} workers died over it`)
  drill.held('the fault bit', crashes > 0, crashes)
  drill.held(`at most ${MOST_CRASHES} crashes`, crashes <= MOST_CRASHES, crashes)

  const letters = await listDeadLetters(shop.database.db.sql)
  drill.held(
    'it alone is parked, with the reason',
    letters.length === 1 && letters[0]?.externalId === 'killer' && letters[0].faultCode === 'DELIVERY_LIMIT',
    `${letters.length} parked: ${letters
      .slice(0, 3)
      .map(({ externalId, faultCode }) => `${externalId} ${faultCode}`)
      .join(', ')}`
  )
  const applied = await count(
    `FROM offers WHERE state = 'active' AND revision = 1 AND external_id <> 'killer'`
  )
  drill.held(`the other ${RECORDS - 1} are applied, once`, applied === RECORDS - 1, applied)
  const left = await Promise.all(
    [queues.feed, queues.quarantine, queues.dead].map((queue) => shop.broker.count(queue))
  )
  drill.held(
    'every queue ends empty',
    left.every((messages) => messages === 0),
    left.join(', ')
  )
}

await runDrill({
  name: 'killer-message',
  about: 'a record that kills its process takes nobody with it',
  sabotage: 'no delivery is ever sent to quarantine',
  run: killerMessage
})
