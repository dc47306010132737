import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toReportArgs, toSummary, withEnd, type DrillReport } from './drill-table.ts'
import { runFromMenu } from './menu.ts'

/** `pnpm drill <name>|--all`: a fault is injected into a house of its own, and what must hold is checked. */
const folder = await mkdtemp(join(tmpdir(), 'sluice-drills-'))
const { args, file, isPrinted } = toReportArgs(process.argv.slice(2), join(folder, 'drills.json'))
const read = async (): Promise<DrillReport[]> =>
  file === undefined
    ? []
    : readFile(file, 'utf8').then(
        (text) => JSON.parse(text) as DrillReport[],
        () => [] // nothing was reported yet
      )

/** Said before the first of them has run for minutes. */
if (file !== undefined && (await stat(file).catch(() => undefined))?.isDirectory() === true) {
  console.error(`--json writes one file, and ${file} is a folder: name a file in it.`)
  process.exit(1)
}

process.exitCode = await runFromMenu(
  {
    command: 'pnpm drill',
    folder: 'test/drills',
    about: 'a fault injected into private services, and what must hold',
    rank: (name) => (name.startsWith('worker-') ? 1 : 0),
    onEnd: async (name, exitCode) => {
      const before = await read()
      const reports = withEnd(before, name, exitCode)
      if (file !== undefined && reports !== before)
        await writeFile(file, `${JSON.stringify(reports, undefined, 2)}\n`)
    }
  },
  args
)
const reports = await read()
if (reports.length > 0) console.log(`\n${toSummary(reports)}`)
if (reports.length > 0 && isPrinted) console.log(JSON.stringify(reports, undefined, 2))
await rm(folder, { recursive: true })
