import { randomBytes } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { SABOTAGE } from './drills/_gateway-house.ts'
import { createTestBroker } from './support/broker.ts'
import { createDatabase } from './support/database.ts'
import { createFuzzDoor, type FuzzDoor } from './support/fuzz/door.ts'
import { fuzz } from './support/fuzz/fuzz.ts'
import { SURFACES } from './support/fuzz/surfaces.ts'
import { createHouse } from './support/house.ts'
import { services } from './support/services.ts'

/** The short form of `pnpm drill gateway-fuzz`, with requests that are the same every time. */

const REQUESTS = 1_500
const SEED = 20_261_123

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

const openDoor = async (preload: readonly string[] = []): Promise<FuzzDoor> => {
  const [broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  closers.push(
    () => broker.remove(),
    () => database.drop()
  )
  const masterKey = randomBytes(32).toString('base64')
  const house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    env: { SLUICE_SECRETS_KEY: masterKey }
  })
  closers.push(() => house.stop())
  const door = await createFuzzDoor(
    {
      db: database.db,
      masterKey,
      rabbitUrl: broker.url,
      queue: broker.topology.queues.webhook,
      startGateway: house.startGateway
    },
    preload
  )
  closers.push(door.close)
  return door
}

it('no mutated request crashes the gateway, fails for us or passes for another', async () => {
  const door = await openDoor()
  for (const surface of SURFACES) {
    const { answers, controls } = await fuzz(door, surface, REQUESTS, { seed: SEED })
    expect(controls).toBeGreaterThan(0)
    expect(Object.keys(answers), surface).toEqual(
      expect.arrayContaining(['202', expect.stringMatching(/^4/)])
    )
  }
  expect(door.problems()).toEqual([])
})

it('a door that does not compare is found out', async () => {
  const open = await openDoor([SABOTAGE.admitAnybody])
  await expect(fuzz(open, 'signatures', REQUESTS, { seed: SEED })).rejects.toThrow(/a forgery was accepted/)
})
