import { CommanderError } from 'commander'
import { ConfigError, DependencyError, SluiceError, codeOf, toError } from '@sluice/shared/errors'
import { EXIT_CONFIG } from '@sluice/shared/config'
import type { Screen } from './render.ts'

export const EXIT_OK = 0
const EXIT_FAILED = 1
const EXIT_USAGE = 2
/** What a shell says of a program ended by SIGINT. */
const EXIT_INTERRUPTED = 130

export interface CommandErrorDetails {
  cause?: unknown
  /** Each thing that is wrong, when there are several. */
  problems?: readonly string[]
  /** What there is to show all the same. */
  answer?: Answer
}

/** The command was understood and could not be done, or not wholly: exit 1. */
export class CommandError extends SluiceError {
  readonly problems: readonly string[] | undefined
  readonly answer: Answer | undefined

  constructor(code: string, message: string, { cause, problems, answer }: CommandErrorDetails = {}) {
    super(code, message, { cause })
    this.problems = problems
    this.answer = answer
  }
}

/** What a command says: one document with --json, else a text. */
export interface Answer {
  document: Readonly<Record<string, unknown>>
  text: (screen: Screen) => string
}

/** The command was not understood: exit 2. */
export class UsageError extends SluiceError {}

/** What is said about a command that did not succeed; the shape of `error` with `--json`. */
interface Problem {
  code: string
  message: string
  /** Each thing that is wrong, when there are several. */
  problems?: readonly string[]
}

export interface Failure {
  exitCode: number
  problem: Problem
  answer?: Answer
  /** For an error nobody foresaw: where it came from. */
  stack?: string
}

/** Codes of what the parser of the command line finds; all exit 2. */
const USAGE_CODES: Readonly<Record<string, string>> = {
  'commander.help': 'USAGE_COMMAND_MISSING',
  'commander.unknownCommand': 'USAGE_COMMAND_UNKNOWN',
  'commander.unknownOption': 'USAGE_OPTION_UNKNOWN',
  'commander.conflictingOption': 'USAGE_OPTION_CONFLICT',
  'commander.missingArgument': 'USAGE_ARGUMENT_MISSING',
  'commander.missingMandatoryOptionValue': 'USAGE_OPTION_MISSING',
  'commander.optionMissingArgument': 'USAGE_VALUE_MISSING',
  'commander.invalidArgument': 'USAGE_VALUE_INVALID',
  'commander.excessArguments': 'USAGE_ARGUMENT_EXCESS'
}

/** What to say and which code to leave with, for anything a command may throw. */
export const toFailure = (thrown: unknown): Failure => {
  if (thrown instanceof CommanderError) return usageFailure(thrown)
  if (thrown instanceof UsageError) return { exitCode: EXIT_USAGE, problem: problemOf(thrown) }
  if (thrown instanceof ConfigError) {
    return {
      exitCode: EXIT_CONFIG,
      problem: {
        code: thrown.code,
        message: CONFIG_HEADLINES[thrown.code] ?? 'The configuration is wrong.',
        problems: thrown.problems
      }
    }
  }
  if (thrown instanceof DependencyError) {
    const advice = ADVICE[thrown.code] ?? ADVICE[thrown.dependency] ?? ''
    return {
      exitCode: EXIT_FAILED,
      problem: { code: thrown.code, message: `${sentence(thrown.message)} ${advice}`.trim() }
    }
  }
  if (thrown instanceof CommandError) {
    const { problems, answer } = thrown
    return {
      exitCode: thrown.code === 'INTERRUPTED' ? EXIT_INTERRUPTED : EXIT_FAILED,
      problem: { ...problemOf(thrown), ...(problems === undefined ? {} : { problems }) },
      ...(answer === undefined ? {} : { answer })
    }
  }
  if (thrown instanceof SluiceError) return { exitCode: EXIT_FAILED, problem: problemOf(thrown) }
  const error = toError(thrown)
  return {
    exitCode: EXIT_FAILED,
    problem: { code: codeOf(thrown), message: oneLine(error.message) },
    ...(error.stack === undefined ? {} : { stack: error.stack })
  }
}

const CONFIG_HEADLINES: Readonly<Record<string, string>> = {
  CONFIG_INVALID: 'A setting is missing or wrong; set it in the environment or in .env.',
  TOPOLOGY_MISMATCH: 'RabbitMQ has queues or exchanges with other arguments; nothing was changed there.'
}

/** What to do, by code, else by dependency. */
const ADVICE: Readonly<Record<string, string>> = {
  DB_NOT_MIGRATED: 'Run `pnpm migrate`. In containers: `docker compose run --rm init`.',
  PUBLISH_RETURNED: 'Run `sluice topology apply`.',
  PUBLISH_UNKNOWN: 'Run the command again: a message that arrives twice does no harm.',
  postgres: 'Is Postgres running, and does DATABASE_URL point at it?',
  rabbitmq: 'Is RabbitMQ running, and does RABBITMQ_URL point at it?',
  redis: 'Is Redis running, and does REDIS_URL point at it?'
}

const usageFailure = (thrown: CommanderError): Failure => {
  if (thrown.exitCode === 0) return { exitCode: EXIT_OK, problem: { code: thrown.code, message: '' } }
  const code = USAGE_CODES[thrown.code] ?? 'USAGE_INVALID'
  const message =
    code === 'USAGE_COMMAND_MISSING'
      ? 'Say what to do; the commands are listed above.'
      : capital(oneLine(thrown.message.replace(/^error: /, '').replaceAll('\n', ' ')))
  return { exitCode: EXIT_USAGE, problem: { code, message } }
}

const problemOf = (error: SluiceError): Problem => ({ code: error.code, message: oneLine(error.message) })

const oneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ')
const sentence = (text: string): string => (/[.!?]$/.test(text.trim()) ? oneLine(text) : `${oneLine(text)}.`)
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
