import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toReportArgs, toTable, type DrillReport } from './drill-table.ts'
import { runFromMenu } from './menu.ts'

/** `pnpm drill <name>|--all`: a fault is injected into a house of its own, and what must hold is checked. */
const folder = await mkdtemp(join(tmpdir(), 'sluice-drills-'))
const { args, file, isPrinted } = toReportArgs(process.argv.slice(2), join(folder, 'drills.json'))
process.exitCode = await runFromMenu(
  {
    command: 'pnpm drill',
    folder: 'test/drills',
    about: 'a fault injected into private services, and what must hold'
  },
  args
)
const report = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined)
if (report !== undefined) console.log(`\n${toTable(JSON.parse(report) as DrillReport[])}`)
if (report !== undefined && isPrinted) console.log(report)
await rm(folder, { recursive: true })
