import { runDrill, type Running } from './_drill.ts'
import { fuzz, SURFACES } from '../support/fuzz.ts'
import { createFuzzDoor } from '../support/fuzz-door.ts'

const SAY_EVERY = 100_000

const fuzzing = async (drill: Running): Promise<void> => {
  const door = await createFuzzDoor((authenticate) =>
    drill.isSabotaged
      ? (request, source, nowMs) => {
          const answer = authenticate(request, source, nowMs)
          return answer.ok || answer.missing ? answer : { ok: true }
        }
      : authenticate
  )
  drill.cleanup(door.close)
  const seed = drill.setting('seed')
  const runs = Math.ceil(drill.setting('runs') / SURFACES.length)
  for (const surface of SURFACES) {
    const startedAt = performance.now()
    const report = await fuzz(door, surface, runs, {
      seed,
      say: (done) => {
        if (done % SAY_EVERY === 0) drill.say(`${surface}: ${done.toLocaleString('en')}`)
      }
    }).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
    const rate = Math.round(runs / ((performance.now() - startedAt) / 1000))
    if (report instanceof Error) {
      drill.held(`no mutated request of ${surface} does harm`, false, report.message)
      continue
    }
    drill.injected(`${runs.toLocaleString('en')} requests with mutated ${surface}, ${rate} a second`)
    drill.held(
      `no mutated request of ${surface} crashes, fails for us or passes for another`,
      Object.keys(report.statuses).length > 1,
      JSON.stringify(report.statuses)
    )
  }
}

await runDrill({
  name: 'gateway-fuzz',
  about:
    'mutated signatures, headers, content types and bodies at the real door of the gateway, in this process',
  sabotage: 'the door does not compare what senders show',
  settings: { runs: 1_000_000, seed: Date.now() % 2 ** 31 },
  run: fuzzing
})
