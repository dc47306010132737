import type { Command } from 'commander'

/** `docs/cli.md`, made of the program's own help, so that neither can say what the other does not. Pure. */

const INTRODUCTION = `# The command line

\`pnpm sluice <noun> <verb>\` sees and steers the house. This page is the program's own \`--help\`; a test fails when they
differ (\`pnpm exec vitest run --project unit cli/src/manual.test.ts -u\` writes it again).

**Settings** come from the environment, then from \`.env\`, then from \`.sluice/env\`, which \`npm start\` writes for the house it
has brought up. A command asks only for what it needs: most for \`DATABASE_URL\`; \`dead-letters replay\` and \`topology\` for
\`RABBITMQ_URL\` as well, \`feeds preview\` for what a scheduler fetches by. \`REDIS_URL\` is optional and lets an edit reach
running services at once instead of a second later. Two houses on one broker differ by \`SLUICE_NAMESPACE\`.

**Answers** go to stdout, remarks and errors to stderr. With \`--json\` stdout is exactly one JSON document (\`--follow\`: one a line), of a failure
too: \`{ "error": { "code", "message" } }\`, beside what there is to show all the same. Absent is \`null\`, times are ISO 8601 in
UTC, ids of rows are strings, and keys are only ever added. For people times are in the zone of the machine. Passwords and
keys in the address of a feed are masked everywhere. Colour is used on a terminal without \`NO_COLOR\`.

| exit | meaning                                                                                      |
| ---- | -------------------------------------------------------------------------------------------- |
| 0    | done                                                                                         |
| 1    | could not be done; for \`feeds run\` also: the run failed, was superseded, or read only a part |
| 2    | not understood: a command, option or value                                                   |
| 78   | a setting is missing or wrong, or RabbitMQ has queues with other arguments                   |
`

/** Every command of the tree, nouns as chapters. */
export const toManual = (program: Command): string =>
  [
    INTRODUCTION,
    helpOf(program),
    ...program.commands.filter(isOurs).flatMap((noun) => chapter(noun, 2))
  ].join('\n')

const chapter = (command: Command, level: number): readonly string[] => [
  `${'#'.repeat(level)} ${pathOf(command)}\n`,
  helpOf(command),
  ...command.commands.filter(isOurs).flatMap((verb) => chapter(verb, level + 1))
]

/** commander adds `help` to every command that has commands; it needs no chapter. */
const isOurs = (command: Command): boolean => command.name() !== 'help'

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`

/** The help as the program prints it, examples and all. */
const helpOf = (command: Command): string => {
  const lines: string[] = []
  command.configureOutput({ ...command.configureOutput(), writeOut: (text) => lines.push(text) })
  command.outputHelp()
  return `\`\`\`text\n${lines.join('').trimEnd()}\n\`\`\`\n`
}
