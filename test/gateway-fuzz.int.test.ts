import { afterAll, beforeAll, expect, it } from 'vitest'
import { fuzz, SURFACES } from './support/fuzz.ts'
import { createFuzzDoor, type FuzzDoor } from './support/fuzz-door.ts'

/** The short form of `pnpm drill gateway-fuzz`, with requests that are the same every time. */

const RUNS = 1_700
const SEED = 20_261_123

let door: FuzzDoor

beforeAll(async () => {
  door = await createFuzzDoor()
})
afterAll(() => door.close())

it.each(SURFACES)(
  'no mutated request (%s) crashes the gateway, fails for us or passes for another',
  async (surface) => {
    const { statuses } = await fuzz(door, surface, RUNS, { seed: SEED })
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['202', '400', '415']))
  }
)

it('a door that does not compare is found out', async () => {
  const open = await createFuzzDoor((authenticate) => (request, source, nowMs) => {
    const answer = authenticate(request, source, nowMs)
    return answer.ok || answer.missing ? answer : { ok: true }
  })
  try {
    await expect(fuzz(open, 'signatures', RUNS, { seed: SEED })).rejects.toThrow(
      /forgery|nobody signed|accepted/
    )
  } finally {
    await open.close()
  }
})
