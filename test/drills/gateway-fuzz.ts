import { runDrill, type Running } from './_drill.ts'
import { createGatewayHouse, SABOTAGE } from './_gateway-house.ts'
import { createFuzzDoor } from '../support/fuzz/door.ts'
import { fuzz, type FuzzReport } from '../support/fuzz/fuzz.ts'
import { SURFACES, type Surface } from '../support/fuzz/surfaces.ts'

const SAY_EVERY_MS = 5_000

const fuzzing = async (drill: Running): Promise<void> => {
  const at = await createGatewayHouse(drill)
  const door = await createFuzzDoor(
    { ...at, rabbitUrl: at.rabbit.url, queue: at.topology.queues.webhook },
    drill.isSabotaged ? [SABOTAGE.admitAnybody] : []
  )
  drill.cleanup(door.close)
  const seed = drill.setting('seed')
  const each = Math.ceil(drill.setting('requests') / SURFACES.length)
  drill.say(
    `the same requests again: pnpm drill gateway-fuzz --seed ${seed} --requests ${each * SURFACES.length}`
  )

  const reports = new Map<Surface, Readonly<FuzzReport>>()
  const startedAt = performance.now()
  const rate = (): number => Math.round(totalOf(reports) / ((performance.now() - startedAt) / 1000))
  const saying = setInterval(() => {
    const parts = [...reports].map(([surface, { mutated }]) => `${surface} ${mutated.toLocaleString('en')}`)
    drill.say(`${parts.join(', ')}; ${rate()} a second`)
  }, SAY_EVERY_MS)
  const outcomes = await Promise.allSettled(
    SURFACES.map((surface) =>
      fuzz(door, surface, each, { seed, onProgress: (report) => reports.set(surface, report) })
    )
  )
  clearInterval(saying)

  drill.injected(
    `${totalOf(reports).toLocaleString('en')} mutated requests, ${rate()} a second, seed ${seed}`
  )
  for (const [index, surface] of SURFACES.entries()) {
    const outcome = outcomes[index]
    const figure =
      outcome?.status === 'fulfilled' ? summaryOf(outcome.value) : String(outcome?.reason ?? 'it did not run')
    drill.held(
      `no mutated request (${surface}) crashes the gateway, fails for us or passes for another`,
      outcome?.status === 'fulfilled',
      figure
    )
  }
  const controls = [...reports.values()].reduce((sum, report) => sum + report.controls, 0)
  drill.held('unmutated controls are accepted', controls > 0, controls)
  const problems = door.problems()
  drill.held(
    'it ran to the end, logged no error and published nothing it did not accept',
    problems.length === 0,
    problems.slice(0, 5).join('; ') || `${door.sentAgain} sent again, because the machine was busy`
  )
}

const totalOf = (reports: ReadonlyMap<Surface, Readonly<FuzzReport>>): number =>
  [...reports.values()].reduce((sum, { mutated }) => sum + mutated, 0)

const summaryOf = ({ mutated, controls, answers }: FuzzReport): string => {
  const kinds = Object.entries(answers).toSorted(([, a], [, b]) => b - a)
  const figures = kinds.map(([kind, times]) => `${kind}: ${times}`)
  return `${mutated} mutated and ${controls} controls; ${figures.join(', ')}`
}

await runDrill({
  name: 'gateway-fuzz',
  about: 'mutated signatures, headers, content types and bodies at the port of a gateway',
  sabotage: 'the door does not compare what senders show',
  settings: { requests: 1_000_000, seed: Date.now() % 2 ** 31 },
  run: fuzzing
})
