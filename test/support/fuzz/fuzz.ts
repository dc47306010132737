import fc from 'fast-check'
import type { FuzzAnswer, FuzzDoor, FuzzRequest } from './door.ts'
import { codeOf, faultOf } from './judge.ts'
import { plansOf, type Attempt, type Surface } from './surfaces.ts'

export interface FuzzReport {
  /** Requests that were answered as they should be; damage that changed nothing does not count. */
  mutated: number
  /** Requests as their sender would send them; every one was accepted. */
  controls: number
  /** How many answers had each status, with its code. */
  answers: Record<string, number>
}

export interface FuzzOptions {
  /** The same seed makes the same requests. */
  seed: number
  onProgress?: (report: Readonly<FuzzReport>) => void
}

/** Requests of one run of fast-check: on the wire together, and taken apart again when one of them does harm. */
const MAX_TOGETHER = 250
/** fast-check keeps track of a property's runs: many small properties, each with a seed of its own, are as good as one. */
const RUNS = 20

/** @throws naming the request, what is wrong about its answer, and the seed that brings it again */
export const fuzz = async (
  door: FuzzDoor,
  surface: Surface,
  requests: number,
  { seed, onProgress = () => undefined }: FuzzOptions
): Promise<FuzzReport> => {
  const report: FuzzReport = { mutated: 0, controls: 0, answers: {} }
  const exchange = async (attempts: readonly Attempt[]): Promise<void> => {
    const answers = await door.send(attempts.map(({ request }) => request))
    for (const [index, attempt] of attempts.entries()) count(report, attempt, answers[index])
    onProgress(report)
  }
  for (let round = 0; report.mutated < requests; round += 1) {
    const several = fc.array(plansOf(surface), { minLength: 1, maxLength: MAX_TOGETHER, size: 'max' })
    const property = fc.asyncProperty(several, async (plans) => {
      await exchange(plans.map((plan) => plan(door.senders)))
    })
    const { failed, errorInstance, numShrinks } = await fc.check(property, {
      numRuns: RUNS,
      seed: seed + round
    })
    if (failed) throw harm(errorInstance, `--seed ${seed + round}, taken apart ${numShrinks} times`)
  }
  return report
}

const count = (report: FuzzReport, attempt: Attempt, answer: FuzzAnswer | undefined): void => {
  if (answer === undefined) throw new Error('an answer is missing')
  const fault = faultOf(attempt, answer)
  if (fault !== undefined) throw new Error(`${fault}\n${shown(attempt.request)}`)
  if (attempt.isMutated) report.mutated += 1
  if (attempt.standing === 'control') report.controls += 1
  const code = answer.status < 300 ? undefined : codeOf(answer.text)
  const kind = code === undefined ? String(answer.status) : `${answer.status} ${code}`
  report.answers[kind] = (report.answers[kind] ?? 0) + 1
}

const harm = (cause: unknown, origin: string): Error =>
  new Error(`${cause instanceof Error ? cause.message : String(cause)}\n(${origin})`, { cause })

const shown = ({ method, path, headers, body }: FuzzRequest): string =>
  `${method} ${JSON.stringify(path)}\n${JSON.stringify(headers)}\n${JSON.stringify(body.toString('latin1'))}`
