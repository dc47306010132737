import { stat, writeFile } from 'node:fs/promises'
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { closeWhenInterrupted, createClosing, uninterrupted } from '../../test/support/closing.ts'
import { ratioOf, sayGoals, toTable, type Report } from './_report.ts'

/** A bench measures ours and its baselines, alternately in one run. Its figures gate nothing: machines differ. */
export interface Bench<Size extends string> {
  /** Its file's name. */
  name: string
  about: string
  sizes: Readonly<Record<Size, SizeOption>>
  run: (bench: Running<Size>) => Promise<void>
}

/** A whole number that a person may set: `--<name> <number>`. */
export interface SizeOption {
  about: string
  fallback: number
  min: number
  max: number
}

export interface Running<Size extends string> {
  sizes: Readonly<Record<Size, number>>
  /** One line of progress. */
  note: (progress: string) => void
  sample: (name: string, unit: string, value: number) => void
  /** What is hoped for: that `of` is at least `atLeast` times `over`, in `unit`. */
  goal: (of: string, over: string, unit: string, atLeast: number) => void
  /** Runs at the end, last added first, whatever happened before; also when the bench is interrupted. */
  cleanup: (close: () => unknown) => void
}

const HELP = `  --json <file>    write { scenario, machine, rows: [{ name, unit, samples }], goals: [{ name, goal, measured, met }] }
                   with every raw sample; into <file>/<name>.json when it is a folder
  --help           this text
`

/** A worker that is told to end may finish what it has in hand. */
const CLOSE_MS = 60_000

/** Runs a bench as a program. The exit code is 0 when it could measure, whether or not its goals were met. */
export const runBench = async <Size extends string>(bench: Bench<Size>): Promise<void> => {
  const { sizes, json, help } = argumentsOf(bench)
  if (help) {
    console.log(`pnpm bench ${bench.name}\n\n${bench.about}\n\n${sayOptions(bench.sizes)}\n${HELP}`)
    return
  }
  const report: Report = { scenario: bench.name, machine: { ...machine(), ...sizes }, rows: [], goals: [] }
  const closing = createClosing()
  const interruption = closeWhenInterrupted(closing)
  const startedAt = performance.now()
  const note = (progress: string): void => {
    console.log(`  ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${progress}`)
  }
  console.log(`${bench.name}: ${bench.about}`)
  try {
    await bench.run({ sizes, note, ...recorderOf(report), cleanup: closing.add })
  } finally {
    for (const problem of await closing.close(CLOSE_MS)) console.error(`cleaning up: ${problem}`)
    await uninterrupted(interruption)
  }
  console.log(`\n${toTable(report.rows)}\n\n${sayGoals(report.goals)}`)
  if (json !== undefined) await writeReport(json, report)
  process.exit(0) // a pool or a socket that closes slowly is not waited for
}

const argumentsOf = <Size extends string>({ name, sizes }: Bench<Size>) => {
  const names = Object.keys(sizes) as Size[]
  const options = Object.fromEntries(names.map((size) => [size, { type: 'string' as const }]))
  try {
    const { values } = parseArgs({
      options: { ...options, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
    })
    const given = values as Record<string, string | undefined>
    const wanted = names.map((size) => [size, toSize(size, sizes[size], given[size])] as const)
    return {
      sizes: Object.fromEntries(wanted) as Record<Size, number>,
      json: values.json,
      help: values.help === true
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\nSee pnpm bench ${name} --help`)
    process.exit(1)
  }
}

const toSize = (name: string, { fallback, min, max }: SizeOption, given: string | undefined): number => {
  if (given === undefined) return fallback
  const value = Number(given)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new RangeError(`--${name} must be a whole number from ${min} to ${max}, not "${given}"`)
}

const sayOptions = (sizes: Readonly<Record<string, SizeOption>>): string =>
  Object.entries(sizes)
    .map(([name, { about, fallback, min, max }]) => {
      const option = `--${name} <${min}–${max}>`
      return `  ${option.padEnd(24)} ${about}; default ${fallback}`
    })
    .join('\n')

const recorderOf = ({ rows, goals }: Report): Pick<Running<string>, 'sample' | 'goal'> => {
  const samplesOf = (name: string, unit: string): number[] => {
    const known = rows.find((row) => row.name === name && row.unit === unit)
    if (known !== undefined) return known.samples
    const row = { name, unit, samples: [] }
    rows.push(row)
    return row.samples
  }
  return {
    sample: (name, unit, value) => void samplesOf(name, unit).push(value),
    goal: (of, over, unit, atLeast) => {
      const measured = ratioOf(samplesOf(of, unit), samplesOf(over, unit))
      goals.push({ name: `${of} ÷ ${over}, ${unit}`, goal: atLeast, measured, met: measured >= atLeast })
    }
  }
}

/** What a reader of the figures must know; the load says whether the machine had other work. */
const machine = (): Record<string, string | number> => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryMb: Math.round(totalmem() / 1e6),
  platform: `${platform()} ${arch()}`,
  node: process.version,
  load: Number(loadavg()[0]?.toFixed(2))
})

const writeReport = async (path: string, report: Report): Promise<void> => {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false // a file still to be made
  )
  const file = isFolder ? join(path, `${report.scenario}.json`) : path
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`)
  console.log(`\nwritten to ${file}`)
}
