import { fromMessage, type OutgoingMessage } from '@sluice/shared/envelope'
import { findDeadLetter, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { oddMessages } from '../support/odd-messages.ts'
import { waitFor } from '../support/process.ts'
import { flat, type Workshop } from '../support/workshop.ts'
import { runDrills } from './_drill.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { stumblesOver } from './sabotage/_stumbling-message.ts'

/** Messages that are wrong, each in its own way, among many that are not (research: faults 19, 28, 30). */

const RECORDS = 2_000
/** One in a hundred of each kind. */
const EVERY = 100
/** Of the records that are bad; the load beside them is of run `seed`, and a message is known by its run and place. */
const RUN = 1_000_000
const LONG = { timeoutMs: 120_000, everyMs: 200 } as const

const batch = async (scene: Scene): Promise<void> => {
  const { drill, shop, alsoJudge, count, said, bit } = scene
  await shop.database.db.sql.$executeRawUnsafe(
    `ALTER TABLE offers ADD CONSTRAINT drill CHECK (external_id NOT LIKE 'refused%')`
  )
  const good: OutgoingMessage[] = []
  const all = Array.from({ length: RECORDS }, (_, index) => {
    const place = index % EVERY
    if (place === 25) return shop.feed(RUN, index, flat(`refused${index}`), 10)
    const message = shop.feed(
      RUN,
      index,
      wrongAt(place) ? invalid(`wrong${index}`) : flat(`good${index}`),
      10
    )
    if (place === 75) return unreadable(message)
    good.push(message)
    return message
  })
  await shop.send(...all)
  alsoJudge(good)
  const bad = RECORDS / EVERY
  const settled = (): Promise<number> =>
    count(`FROM feed_records WHERE external_id ~ '^(good|refused|wrong)' AND outcome <> 'retried'`)
  await waitFor('all of them', async () => (await settled()) >= RECORDS - bad, LONG).catch(() => undefined)
  const letters = await waitFor('the dead letters', async () => {
    const known = await listDeadLetters(shop.database.db.sql, { limit: 500 })
    return known.length >= bad && known
  }).catch(() => [])
  const mixed = said('batch settled').filter(({ lane, rejected, dead, size }) => {
    const wrong = Number(rejected ?? 0) + Number(dead ?? 0)
    return lane === 'feed' && wrong > 0 && Number(size) > 1 // sabotaged, all of it is wrong
  })
  bit(`${3 * bad} bad records among ${RECORDS}, in ${mixed.length} batches`, mixed.length > 0)

  const rejected = (name: string): Promise<number> =>
    count(`FROM feed_records WHERE external_id LIKE '${name}%' AND outcome = 'rejected'`)
  const created = await count(`FROM offers WHERE external_id LIKE 'good%' AND revision = 1`)
  drill.held('every neighbour is applied, once', created === RECORDS - 3 * bad, created)
  drill.held('what is invalid is rejected, alone', (await rejected('wrong')) === bad, await rejected('wrong'))
  drill.held(
    'what Postgres refuses is rejected, alone',
    (await rejected('refused')) === bad,
    await rejected('refused')
  )
  drill.held(
    'what cannot be read is dead, alone, with the reason',
    letters.length === bad && letters.every(({ faultCode }) => faultCode === 'ENVELOPE_INVALID'),
    `${letters.length} dead`
  )
}

const wrongAt = (place: number): boolean => place === 50
const invalid = (id: string) => ({ ...flat(id), price: { amount: 'cheap' } })
const unreadable = (message: OutgoingMessage): OutgoingMessage => ({
  ...message,
  properties: { ...message.properties, type: 'nonsense' }
})

const TWENTY = 20

const bug = async (scene: Scene): Promise<void> => {
  const { drill, shop, send, count, bit } = scene
  const twenty = stumbling(shop)
  const ids = twenty.map(({ properties: { messageId } }) => `'${messageId}'`).join(',')
  const are = (outcome: string): Promise<number> =>
    count(`FROM deliveries WHERE message_id IN (${ids}) AND outcome = '${outcome}'`)
  await send(twenty)
  await waitFor('the first attempts', async () => (await are('retried')) === TWENTY).catch(() => undefined)
  const failed = await are('retried')
  bit(`${TWENTY} webhooks failed, ${failed} went up the ladder`, drill.isSabotaged || failed > 0)
  await waitFor('the second attempts', async () => (await are('created')) === TWENTY).catch(() => undefined)
  const created = await are('created')
  drill.held(`all ${TWENTY} succeed at their second attempt`, created === TWENTY, created)
  const dead = await count('FROM dead_letters')
  drill.held('nothing is dead', dead === 0, dead)
}

/** Records that fail at their first attempt, as if a bug had been there. */
const stumbling = (shop: Workshop): OutgoingMessage[] => {
  const found: OutgoingMessage[] = []
  for (let index = 0; found.length < TWENTY; index += 1) {
    const message = shop.hook(`bug-${index}.0`, flat(`bug${index}`), 10)
    if (stumblesOver(fromMessage(message).recordHash)) found.push(message)
  }
  return found
}

const odd = async (scene: Scene): Promise<void> => {
  const { drill, shop, alsoJudge, said, bit } = scene
  const { sound, dead } = oddMessages(shop)
  await shop.send(...dead, ...sound)
  alsoJudge(sound)
  const letters = await waitFor('the dead letters', async () => {
    const known = await listDeadLetters(shop.database.db.sql, { limit: 100 })
    return known.length >= dead.length && known
  }).catch(() => [])
  bit(`${dead.length} messages nobody can read, ${sound.length} that are only large`, true)
  const bodies = new Map(dead.map(({ properties, body }) => [properties.messageId, body]))
  let same = 0
  for (const { id, messageId } of letters) {
    const letter = await findDeadLetter(shop.database.db.sql, id)
    const body = bodies.get(messageId ?? '')
    if (body !== undefined && letter !== undefined && body.equals(Buffer.from(letter.body))) same += 1
  }
  drill.held(
    'each is dead, once, with its bytes',
    letters.length === dead.length && same === dead.length,
    `${letters.length} dead, ${same} of ${dead.length} with their bytes`
  )
  const reasons = letters.filter(({ faultCode }) => faultCode === 'ENVELOPE_INVALID').length
  drill.held('each says why', reasons === dead.length, reasons)
  const lost = said('broker connection lost').length
  drill.held('no connection was lost over it', lost === 0, lost)
}

const faults: readonly WorkerFault[] = [
  {
    name: 'batch',
    about: 'of 2,000 records of a feed one in a hundred is invalid, one refused by Postgres, one unreadable',
    sabotage: { what: 'a bad record takes its whole batch with it', preload: 'condemnBatch' },
    inject: batch
  },
  {
    name: 'bug',
    about: 'twenty webhooks fail at once, for no reason of their own',
    sabotage: { what: 'what fails once is dead', preload: 'noLadder' },
    inject: bug
  },
  {
    name: 'odd',
    about: 'headers of nearly 64 KiB, bodies of 1 MiB, of no byte, of no charset',
    sabotage: { what: 'what cannot be read is guessed', preload: 'guessRecords' },
    inject: odd
  }
]

await runDrills(
  { name: 'worker-poison', about: 'bad messages cost only themselves' },
  faults.map((fault) => drillOf('worker-poison', fault))
)
