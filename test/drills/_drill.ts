import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { closeWhenInterrupted, createClosing, uninterrupted, type Closing } from '../support/closing.ts'

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

interface Course {
  settings: Readonly<Record<string, number>>
  isSabotaged: boolean
  closing: Closing
  interruption: AbortSignal
}

const HELP = `  --limit <n>     minutes after which a drill that is not over is given up, 30 unless told
  --json <file>   write [{ name, injected, held: [{ what, ok, figure }], ok }] (one entry a drill, replaced by name)
  --help          this text
`
const EXIT_CODES =
  'Exit code: 0 when everything held, 1 when something did not, 130 and 143 when it was interrupted.'

/** Of any drill: longer than the longest takes on a slow machine, so that one that hangs does not hang for ever. */
const LIMIT = { limit: 30 }
/** A worker that is told to end may finish what it has in hand. */
const CLOSE_MS = 60_000

/** Runs a drill as a program: progress and findings on stdout, the exit code says whether everything held. */
export const runDrill = (drill: Drill): Promise<void> => runDrills(drill, [drill])

/**
 * Runs several drills of one kind as one program, or those that are named. Sabotaged, the program fails only when every
 * one of them did: one that holds all the same would not notice.
 */
export const runDrills = async (
  { name, about }: Pick<Drill, 'name' | 'about'>,
  drills: readonly Drill[]
): Promise<void> => {
  const sabotages = drills.flatMap(({ sabotage }) => sabotage ?? [])
  const settings = Object.assign({}, LIMIT, ...drills.map((drill) => drill.settings ?? {})) as Record<
    string,
    number
  >
  const { values, positionals: parts }: { values: object; positionals: readonly string[] } = parseArgs({
    allowPositionals: drills.length > 1,
    options: {
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      ...(sabotages.length === 0 ? {} : { sabotage: { type: 'boolean' } }),
      ...Object.fromEntries(Object.keys(settings).map((option) => [option, { type: 'string' }] as const))
    }
  })
  const given = values as Record<string, string | boolean | undefined>
  if (given.help === true) {
    const sabotage = [...new Set(sabotages)].join(', ')
    console.log(helpOf({ name, about, settings, ...(sabotage === '' ? {} : { sabotage }) }, drills))
    return
  }
  const chosen = Object.fromEntries(
    Object.entries(settings).map(([option, usual]) => [option, Number(given[option] ?? usual)])
  )
  const wrong = Object.keys(chosen).find((option) => !((chosen[option] ?? 0) > 0))
  if (wrong !== undefined) throw new Error(`--${wrong} must be a number above 0`)
  const shortName = (drill: Drill): string => drill.name.slice(name.length + 1)
  const unknown = parts.find((wanted) => drills.every((drill) => shortName(drill) !== wanted))
  if (unknown !== undefined)
    throw new Error(`${name} has no "${unknown}": ${drills.map(shortName).join(', ')}`)

  const isSabotaged = given.sabotage === true
  const closing = createClosing()
  const interruption = closeWhenInterrupted(closing)
  const reports: Report[] = []
  for (const drill of drills) {
    if (parts.length > 0 && !parts.includes(shortName(drill))) continue
    const { report, isOverdue } = await reportOf(drill, {
      settings: chosen,
      isSabotaged,
      closing,
      interruption
    })
    if (typeof given.json === 'string') await writeReport(given.json, report)
    reports.push(report)
    if (isOverdue) break // it goes on somewhere, and would disturb the next
  }
  const isGood = isSabotaged ? reports.some(({ ok }) => ok) : reports.every(({ ok }) => ok)
  process.exit(isGood ? 0 : 1) // a drill that failed half-way may have left handles open
}

const helpOf = (
  { name, about, sabotage, settings = {} }: Omit<Drill, 'run'>,
  drills: readonly Drill[]
): string => {
  const lines = Object.entries(settings)
    .filter(([setting]) => !(setting in LIMIT))
    .map(([setting, usual]) => `${`  --${setting} <n>`.padEnd(18)}${usual} unless told`)
  if (sabotage !== undefined) lines.push(`  --sabotage      ${sabotage}: the drill must fail`)
  const parts =
    drills.length === 1
      ? ''
      : `${drills.map((drill) => `  ${drill.name.slice(name.length + 1).padEnd(14)}${drill.about}`).join('\n')}\n\n`
  return `pnpm drill ${name}${parts === '' ? '' : ' [<part> …]'}\n\n${about}\n\n${parts}${[...lines, HELP].join('\n')}\n${EXIT_CODES}\n`
}

const reportOf = async (
  drill: Drill,
  { settings, isSabotaged, closing, interruption }: Course
): Promise<{ report: Report; isOverdue: boolean }> => {
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
    const figure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    report.held.push({ what: 'the drill runs to its end', ok: false, figure })
    line('✗', figure)
  }
  const isOverdue = limit.end()
  for (const problem of await closing.close(CLOSE_MS)) line('✗', `cleaning up: ${problem}`)
  await uninterrupted(interruption)
  report.ok = report.held.length > 0 && report.held.every(({ ok }) => ok)
  report.seconds = Math.round((performance.now() - startedAt) / 100) / 10
  return { report, isOverdue }
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
