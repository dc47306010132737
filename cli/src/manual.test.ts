import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createContext } from './context.ts'
import { toFailure } from './errors.ts'
import { toManual } from './manual.ts'
import { createOutput } from './output.ts'
import { createProgram } from './program.ts'
import type { Shell } from './shell.ts'

const nowhere: Shell = {
  environment: {},
  cwd: () => '/',
  stdin: () => Readable.from([]),
  stdout: { write: () => true },
  stderr: { write: () => true },
  onInterrupt: () => undefined
}
const out = createOutput({
  json: false,
  screen: { width: 100, color: false },
  streams: nowhere
})
const build = (): Command => createProgram(createContext(out, nowhere), nowhere)

const every = (command: Command): Command[] => [command, ...command.commands.flatMap(every)]

test('docs/cli.md is what the program says', async () => {
  await expect(toManual(build())).toMatchFileSnapshot('../../docs/cli.md')
})

test('every command teaches: a summary, a description, and an example that names it', () => {
  const manual = toManual(build())
  for (const command of every(build())) {
    const path: string[] = []
    for (let each: Command | null = command; each !== null; each = each.parent) path.unshift(each.name())
    expect(command.description(), path.join(' ')).not.toBe('')
    if (path.length > 1) expect(command.summary(), path.join(' ')).not.toBe('')
    expect(manual, path.join(' ')).toMatch(new RegExp(`Examples:\\n(  .*\\n)*.*${path.join(' ')}`))
  }
})

test('every command says that it can answer in JSON', () => {
  const helps = toManual(build()).split('```text\n').slice(1)
  expect(helps.length).toBe(every(build()).length)
  for (const help of helps) expect(help).toMatch(/^ {2}--json +print one JSON document and nothing else$/m)
})

test('every example is a command line the program understands', () => {
  const examples = [
    ...toManual(build())
      .replaceAll('\\\n', ' ')
      .matchAll(/^ {2}(?:\w+=\w+ )?(sluice .*)$/gm)
  ]
  expect(examples.length).toBeGreaterThan(40)
  for (const [, example = ''] of examples) expect(parsed(example), example).toBe('understood')
})

/** What the program thinks of a command line, without doing it. */
const parsed = (line: string): string => {
  const program = build()
  for (const command of every(program)) if (command.commands.length === 0) command.action(() => undefined)
  try {
    program.parse(wordsOf(line).slice(1), { from: 'user' })
    return 'understood'
  } catch (thrown) {
    const { exitCode, problem } = toFailure(thrown)
    return exitCode === 0 ? 'understood' : problem.message
  }
}

/** The first command of a line of shell, in words. */
const wordsOf = (line: string): string[] => {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? ''
  )
  const end = words.findIndex((word) => word === '|' || word === '||' || word === '&&')
  return end === -1 ? words : words.slice(0, end)
}
