import { readFile, writeFile } from 'node:fs/promises'
import { closeWhenInterrupted, createClosing, uninterrupted, type Closing } from '../support/closing.ts'
import { argumentsOf } from './_drill-arguments.ts'

/** A drill injects a fault into a house of its own and checks what must hold. It proves that its fault bit. */
export interface Drill {
  /** Its file's name. */
  name: string
  about: string
  /** What `--sabotage` switches off: with it, the drill must fail. */
  sabotage?: string
  /** Numbers its caller may choose, each an option `--name`, with their defaults. */
  settings?: Readonly<Record<string, number>>
  run: (drill: Running) => Promise<void>
}

export interface Running {
  /** Whether the guarantee is to be switched off. */
  isSabotaged: boolean
  /** The number chosen for one of the drill's settings. */
  setting: (name: string) => number
  /** One line of progress. */
  say: (progress: string) => void
  /** What was done to the house, with the proof that it happened. */
  injected: (what: string) => void
  /** One thing that must hold, whether it did, and the figure it was judged by. */
  held: (what: string, ok: boolean, figure: string | number) => void
  /** Runs at the end, last added first, whatever happened before; also when the drill is interrupted. */
  cleanup: (close: () => unknown) => void
}

interface Report {
  name: string
  injected: string[]
  held: { what: string; ok: boolean; figure: string }[]
  ok: boolean
  seconds: number
}

interface Ending {
  report: Report
  /** It was given up. */
  isOverdue: boolean
  /** Its fault did not bite. */
  isVain: boolean
}

interface Course {
  settings: Readonly<Record<string, number>>
  isSabotaged: boolean
  closing: Closing
  interruption: AbortSignal
}

/** The fault did nothing to the house: the drill proves nothing, neither with the guarantee nor without it. */
export class NoBite extends Error {
  override readonly name = 'NoBite'
}

/** A worker that is told to end may finish what it has in hand. */
const CLOSE_MS = 60_000

/** Runs a drill as a program: progress and findings on stdout, the exit code says whether everything held. */
export const runDrill = (drill: Drill): Promise<void> => runDrills(drill, [drill])

/**
 * Runs several drills of one kind as one program, or those that are named. Sabotaged, the program fails only when every
 * one of them did: one that holds all the same would not notice, and neither would one whose fault did not bite.
 */
export const runDrills = async (
  group: Pick<Drill, 'name' | 'about'>,
  all: readonly Drill[]
): Promise<void> => {
  const asked = argumentsOf(group, all)
  if (asked.help !== undefined) {
    console.log(asked.help)
    return
  }
  const { drills, settings, isSabotaged, json } = asked
  const closing = createClosing()
  const interruption = closeWhenInterrupted(closing)
  const ends: Ending[] = []
  for (const drill of drills) {
    const end = await reportOf(drill, { settings, isSabotaged, closing, interruption })
    if (json !== undefined) await writeReport(json, end.report)
    ends.push(end)
    if (end.isOverdue) break // it goes on somewhere, and would disturb the next
  }
  const isGood = isSabotaged
    ? ends.some(({ report, isVain }) => report.ok || isVain)
    : ends.every(({ report }) => report.ok)
  process.exit(isGood ? 0 : 1) // a drill that failed half-way may have left handles open
}

const reportOf = async (
  drill: Drill,
  { settings, isSabotaged, closing, interruption }: Course
): Promise<Ending> => {
  const startedAt = performance.now()
  const name = isSabotaged ? `${drill.name} --sabotage` : drill.name
  const report: Report = { name, injected: [], held: [], ok: false, seconds: 0 }
  const line = (mark: string, text: string): void => {
    if (interruption.aborted) return // what it says now is about services that are gone
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)
    console.log(`  ${mark} ${seconds} s  ${text}`)
  }
  console.log(`${name}: ${drill.about}`)
  if (isSabotaged) line('⚡', `sabotage: ${drill.sabotage}`)
  const setting = (wanted: string): number => {
    const value = settings[wanted]
    if (value === undefined) throw new Error(`the drill has no setting ${wanted}`)
    return value
  }
  const limit = limitOf(setting('limit'))
  let isVain = false
  try {
    const running = drill.run({
      isSabotaged,
      setting,
      say: (progress) => line('·', progress),
      injected: (what) => {
        report.injected.push(what)
        line('⚡', what)
      },
      held: (what, ok, figure) => {
        report.held.push({ what, ok, figure: String(figure) })
        line(ok ? '✓' : '✗', `${what}: ${figure}`)
      },
      cleanup: closing.add
    })
    await Promise.race([running, limit.reached])
  } catch (error) {
    isVain = error instanceof NoBite
    const figure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    report.held.push({ what: 'the drill runs to its end', ok: false, figure })
    line('✗', figure)
  }
  const isOverdue = limit.end()
  for (const problem of await closing.close(CLOSE_MS)) line('✗', `cleaning up: ${problem}`)
  await uninterrupted(interruption)
  report.ok = report.held.length > 0 && report.held.every(({ ok }) => ok)
  report.seconds = Math.round((performance.now() - startedAt) / 100) / 10
  return { report, isOverdue, isVain }
}

/** A drill that is not over by then is given up: `reached` rejects. `end` says whether it was. */
const limitOf = (minutes: number): { reached: Promise<never>; end: () => boolean } => {
  const { promise: reached, reject } = Promise.withResolvers<never>()
  let isReached = false
  const timer = setTimeout(() => {
    isReached = true
    reject(
      new Error(`not over after ${minutes} minutes (--limit), and none of the same group after it is begun`)
    )
  }, minutes * 60_000)
  return {
    reached,
    end: () => {
      clearTimeout(timer)
      return isReached
    }
  }
}

const writeReport = async (file: string, report: Report): Promise<void> => {
  const before = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Report[],
    () => [] // the first drill to write it
  )
  const reports = [...before.filter(({ name }) => name !== report.name), report]
  await writeFile(file, `${JSON.stringify(reports, undefined, 2)}\n`)
}
