import type { Command } from 'commander'

/** One line of the examples under a command's help. */
export type Example = readonly [command: string, meaning: string]

/** Adds examples that can be copied as they stand. */
export const withExamples = (command: Command, ...examples: readonly Example[]): Command =>
  command.addHelpText(
    'after',
    ['', 'Examples:', ...examples.flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`])].join('\n')
  )
