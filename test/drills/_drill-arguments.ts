import { parseArgs } from 'node:util'
import type { Drill } from './_drill.ts'

/** What a person asks of a drill, or of a group of them. */
interface Asked {
  /** Text for somebody who wants to know what there is to ask; nothing else is to be done then. */
  help: string | undefined
  /** Those that are to run. */
  drills: readonly Drill[]
  settings: Readonly<Record<string, number>>
  isSabotaged: boolean
  /** Where to report. */
  json: string | undefined
}

const HELP = `  --json <file>   write [{ name, injected, held: [{ what, ok, figure }], ok }] (one entry a drill, replaced by name)
  --help          this text

Exit code: 0 when everything held, 1 when something did not, more than 128 when it was interrupted.
`

/** Of any drill: longer than the longest takes on a slow machine, so that one that hangs does not hang for ever. */
const LIMIT = { limit: 30 }

/** Reads the command line; ends the process where nobody can make sense of it. */
export const argumentsOf = (group: Pick<Drill, 'name' | 'about'>, drills: readonly Drill[]): Asked => {
  try {
    return read(group, drills)
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nSee pnpm drill ${group.name} --help`
    )
    process.exit(1)
  }
}

const read = ({ name, about }: Pick<Drill, 'name' | 'about'>, drills: readonly Drill[]): Asked => {
  const sabotages = drills.flatMap(({ sabotage }) => sabotage ?? [])
  const usual = Object.assign({}, LIMIT, ...drills.map(({ settings = {} }) => settings)) as Record<
    string,
    number
  >
  const { values, positionals: parts }: { values: object; positionals: readonly string[] } = parseArgs({
    allowPositionals: drills.length > 1,
    options: {
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      ...(sabotages.length === 0 ? {} : { sabotage: { type: 'boolean' } }),
      ...Object.fromEntries(Object.keys(usual).map((option) => [option, { type: 'string' }] as const))
    }
  })
  const given = values as Record<string, string | boolean | undefined>
  const settings = Object.fromEntries(
    Object.entries(usual).map(([option, value]) => [option, Number(given[option] ?? value)])
  )
  const wrong = Object.keys(settings).find((option) => !((settings[option] ?? 0) > 0))
  if (wrong !== undefined) throw new Error(`--${wrong} must be a number above 0`)
  const shortName = (drill: Drill): string => drill.name.slice(name.length + 1)
  const unknown = parts.find((wanted) => drills.every((drill) => shortName(drill) !== wanted))
  if (unknown !== undefined)
    throw new Error(`${name} has no "${unknown}": ${drills.map(shortName).join(', ')}`)

  const sabotage = [...new Set(sabotages)].join(', ')
  const whole = { name, about, settings: usual, ...(sabotage === '' ? {} : { sabotage }) }
  return {
    help: given.help === true ? helpOf(whole, drills) : undefined,
    drills: drills.filter((drill) => parts.length === 0 || parts.includes(shortName(drill))),
    settings,
    isSabotaged: given.sabotage === true,
    json: typeof given.json === 'string' ? given.json : undefined
  }
}

const helpOf = (
  { name, about, sabotage, settings = {} }: Omit<Drill, 'run'>,
  drills: readonly Drill[]
): string => {
  const { limit, ...own } = settings
  const lines = Object.entries(own).map(
    ([setting, usual]) => `${`  --${setting} <n>`.padEnd(18)}${usual} unless told`
  )
  lines.push(
    `  --limit <n>     ${limit} unless told: minutes after which a drill that is not over is given up`
  )
  if (sabotage !== undefined) lines.push(`  --sabotage      ${sabotage}: the drill must fail`)
  const parts =
    drills.length === 1
      ? ''
      : `${drills.map((drill) => `  ${drill.name.slice(name.length + 1).padEnd(14)}${drill.about}`).join('\n')}\n\n`
  return `pnpm drill ${name}${parts === '' ? '' : ' [<part> …]'}\n\n${about}\n\n${parts}${[...lines, HELP].join('\n')}`
}
