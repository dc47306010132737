import type { OutgoingMessage } from '@sluice/shared/envelope'
import { runDrill, type Running } from './_drill.ts'
import { dieAndRecover } from './_failpoints.ts'
import { createWorkerHouse, SABOTAGE } from './_worker-house.ts'
import { FAILPOINTS } from '../support/failpoint/die.ts'
import { createHistory } from '../support/histories.ts'

const OFFERS = 30

const failpoints = async (drill: Running): Promise<void> => {
  const { shop, managementUrl } = await createWorkerHouse(drill, { management: true })
  const history = await createHistory(shop, { seed: drill.setting('seed'), offers: OFFERS })
  const confirmed: OutgoingMessage[] = []
  const preload = drill.isSabotaged ? [SABOTAGE.ackEarly] : []
  for (const place of FAILPOINTS) {
    const [died, ...held] = await dieAndRecover(place, { shop, history, confirmed, managementUrl, preload })
    if (died?.ok === true) drill.injected(`${died.what} of ${died.figure}`)
    for (const { what, ok, figure } of [...(died?.ok === true ? [] : [died]), ...held].flatMap(
      (one) => one ?? []
    ))
      drill.held(`${place}: ${what}`, ok, figure)
  }
}

await runDrill({
  name: 'worker-failpoints',
  about:
    'a worker is killed with SIGKILL at every step of a message; the next one finds its work and loses none',
  sabotage: 'messages are acknowledged before they are applied',
  settings: { seed: 1 },
  run: failpoints
})
