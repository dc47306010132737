import type { Answer, Failure } from './errors.ts'
import { paint, type Screen } from './render.ts'

/** Where a command's answer goes: the answer to stdout, everything said beside it to stderr. */
export interface Output {
  /** One JSON document on stdout and nothing else. */
  readonly json: boolean
  readonly screen: Screen
  readonly now: Date
  /** Columns of the terminal a person watches stderr on, so that a line may be drawn over and over; else absent. */
  readonly liveWidth: number | undefined
  /** The answer: `document` with --json, else the text. Once a command. */
  answer: (document: Answer['document'], text: Answer['text']) => void
  /** One of many, of a command that goes on: `document` on one line with --json, else the text. */
  item: (document: object, text: Answer['text']) => void
  /** A sentence beside the answer; not said with --json. */
  note: (text: string) => void
  /** Draws one line over the last one; an empty text takes it away. */
  draw: (line: string) => void
  /** The line on stderr; with --json the document becomes the answer's, if there is one, with `error` added. */
  fail: (failure: Failure) => void
}

export interface Streams {
  stdout: { write: (text: string) => unknown }
  stderr: { write: (text: string) => unknown }
}

export interface OutputOptions {
  json: boolean
  screen: Screen
  liveWidth?: number
  streams: Streams
  now?: () => Date
}

const CLEAR_LINE = '\r\u001b[2K'

export const createOutput = (options: OutputOptions): Output => {
  const { json, screen, liveWidth, streams, now = () => new Date() } = options
  const say = (text: string): void => {
    streams.stderr.write(`${text}\n`)
  }
  return {
    json,
    screen,
    liveWidth,
    get now() {
      return now()
    },
    answer: (document, text) => {
      streams.stdout.write(`${json ? toJson(document) : text(screen)}\n`)
    },
    item: (document, text) => {
      streams.stdout.write(`${json ? JSON.stringify(document) : text(screen)}\n`)
    },
    note: (text) => {
      if (!json) say(text)
    },
    draw: (line) => {
      if (liveWidth !== undefined) streams.stderr.write(CLEAR_LINE + line)
    },
    fail: ({ problem, answer, stack }) => {
      if (json) streams.stdout.write(`${toJson({ ...answer?.document, error: problem })}\n`)
      else if (answer !== undefined) streams.stdout.write(`${answer.text(screen)}\n`)
      say(`${paint('sluice:', 'bad', screen)} ${problem.message} (${problem.code})`)
      for (const each of problem.problems ?? []) say(`  - ${each}`)
      if (stack !== undefined) say(stack)
    }
  }
}

/** Big integers as strings: JSON's own numbers would lose their last digits in many readers. */
const toJson = (document: unknown): string =>
  JSON.stringify(document, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)
