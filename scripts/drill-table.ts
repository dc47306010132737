/** What every drill writes about itself (`test/drills/_drill.ts`). */
export interface DrillReport {
  name: string
  injected: string[]
  held: { what: string; ok: boolean; figure: string }[]
  ok: boolean
  seconds?: number
}

interface ReportArgs {
  /** For the drills. */
  args: readonly string[]
  /** Where they report; absent when nobody asked and there is one drill only. */
  file: string | undefined
  /** Whether the report itself is to be printed: `--json` was given without a file. */
  isPrinted: boolean
}

/** `--all` always ends with a table, so every drill reports, if need be into `spare`. Pure. */
export const toReportArgs = (given: readonly string[], spare: string): ReportArgs => {
  const at = given.indexOf('--json')
  const next = at < 0 ? undefined : given[at + 1]
  const named = next === undefined || next.startsWith('-') ? undefined : next
  if (named !== undefined)
    return { args: given, file: given.includes('--all') ? named : undefined, isPrinted: false }
  if (at < 0 && !given.includes('--all')) return { args: given, file: undefined, isPrinted: false }
  const others = given.filter((_, index) => index !== at)
  return { args: [...others, '--json', spare], file: spare, isPrinted: at >= 0 }
}

/** A program that failed without saying at what: it, too, has a line in the table. Pure. */
export const withEnd = (
  reports: readonly DrillReport[],
  program: string,
  exitCode: number
): readonly DrillReport[] => {
  const own = reports.filter(({ name }) => `${name.split(' ')[0]}-`.startsWith(`${program}-`))
  const isExplained = own.some(({ ok }) => !ok) || (exitCode === 0 && own.length > 0)
  if (isExplained) return reports
  const held = [{ what: 'the program runs to its end', ok: false, figure: `exit code ${exitCode}` }]
  return [...reports.filter(({ name }) => name !== program), { name: program, injected: [], held, ok: false }]
}

/** What did not hold, for whoever does not want to look for it in all that was said. Pure. */
export const toFailures = (reports: readonly DrillReport[]): string =>
  reports
    .flatMap(({ name, held }) =>
      held.filter(({ ok }) => !ok).map(({ what, figure }) => `✗ ${name}: ${what}: ${figure.split('\n')[0]}`)
    )
    .join('\n')

/** What `--all` ends with: the table, and under it what did not hold, if anything. Pure. */
export const toSummary = (reports: readonly DrillReport[]): string =>
  [toTable(reports), toFailures(reports)].filter((part) => part !== '').join('\n\n')

/** One line a drill: whether it held, how much was checked, how long it took, what was done to the house. */
export const toTable = (reports: readonly DrillReport[]): string => {
  const width = Math.max(5, ...reports.map(({ name }) => name.length))
  const lines = reports.map(({ name, injected, held, ok, seconds }) => {
    const sound = held.filter((finding) => finding.ok).length
    const took = (seconds === undefined ? '' : `${Math.round(seconds)} s`).padStart(6)
    return `${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${`${sound}/${held.length}`.padStart(7)}  ${took}  ${injected[0] ?? 'nothing was injected'}`
  })
  return [`  ${'drill'.padEnd(width)}  ${'held'.padStart(7)}  ${'took'.padStart(6)}  fault`, ...lines].join(
    '\n'
  )
}
