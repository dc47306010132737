/** What a bench found: every raw sample, and what was hoped for. */
export interface Report {
  scenario: string
  machine: Record<string, string | number>
  rows: Row[]
  goals: Goal[]
}

export interface Row {
  /** Who was measured. */
  name: string
  unit: string
  /** One a round, in their order. */
  samples: number[]
}

export interface Goal {
  name: string
  /** At least. */
  goal: number
  measured: number
  met: boolean
}

export const median = (samples: readonly number[]): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/**
 * How many times `a` is `b`: the median of the rounds' own ratios. What slows the machine down slows both of a round
 * down, so this stays true on one that has other work.
 */
export const ratioOf = (a: readonly number[], b: readonly number[]): number =>
  median(a.flatMap((sample, round) => (b[round] === undefined ? [] : [sample / b[round]])))

/** One line a name, one column a unit: the median, and the range when there is one. */
export const toTable = (rows: readonly Row[]): string => {
  const names = [...new Set(rows.map(({ name }) => name))]
  const units = [...new Set(rows.map(({ unit }) => unit))]
  const samplesOf = (name: string, unit: string): readonly number[] =>
    rows.find((row) => row.name === name && row.unit === unit)?.samples ?? []
  const cells = [
    ['', ...units],
    ...names.map((name) => [name].concat(units.map((unit) => sayRange(samplesOf(name, unit)))))
  ]
  const widths = ['', ...units].map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0))
  )
  return cells
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0, column === 0))
        .join('   ')
        .trimEnd()
    )
    .join('\n')
}

export const sayGoals = (goals: readonly Goal[]): string =>
  goals
    .map(({ name, goal, measured, met }) => `${met ? '✓' : '✗'} ${name}: ${say(measured)} (goal: ${goal})`)
    .join('\n')

const sayRange = (samples: readonly number[]): string => {
  if (samples.length === 0) return '–'
  const range = samples.length === 1 ? '' : ` (${say(Math.min(...samples))}–${say(Math.max(...samples))})`
  return say(median(samples)) + range
}

/** Three digits are all a measurement is good for. */
const say = (value: number): string =>
  value.toLocaleString('en', value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 })

const pad = (cell: string, width: number, isLeft: boolean): string =>
  isLeft ? cell.padEnd(width) : cell.padStart(width)
