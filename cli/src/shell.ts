import type { Readable } from 'node:stream'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where a command writes: a terminal tells how wide it is and whether it has colours, anything else only takes text. */
interface Sink {
  write: (text: string) => unknown
  isTTY?: boolean
  columns?: number
  hasColors?: () => boolean
}

/** Where a command is typed: all it sees of the outside. A process has one (`run.ts`), a test makes its own. */
export interface Shell {
  environment: Environment
  /** Adds what settings files say to the environment; a file that cannot be read is told like any other failure. */
  loadSettings?: () => void
  cwd: () => string
  stdin: () => Readable & { isTTY?: boolean }
  stdout: Sink
  stderr: Sink
  /** Calls back when the person wants an end of it. Until somebody asks, Ctrl-C ends the command at once. */
  onInterrupt: (interrupt: () => void) => void
}
