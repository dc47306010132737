import { loadShellConfig } from './config.ts'
import { createContext } from './context.ts'
import { EXIT_OK, toFailure } from './errors.ts'
import { createOutput } from './output.ts'
import { createProgram } from './program.ts'
import type { Shell } from './shell.ts'
import { widthOf } from './terminal.ts'

export interface Done {
  exitCode: number
  /** Ends what the command has opened; the answer is out already. */
  close: () => Promise<void>
}

/** Does what was typed after `sluice`, and says how it ended. Failures are told, not thrown. */
export const runCommand = async (words: readonly string[], shell: Shell): Promise<Done> => {
  const { stdout, stderr } = shell
  const out = createOutput({
    // Read here, because a command line that cannot be parsed must be answered in JSON as well.
    json: words.includes('--json'),
    screen: {
      width: widthOf(stdout, loadShellConfig(shell.environment).COLUMNS),
      color: stdout.isTTY === true && stdout.hasColors?.() === true // hasColors knows NO_COLOR
    },
    ...(stderr.isTTY === true && stderr.columns !== undefined ? { liveWidth: stderr.columns } : {}),
    streams: { stdout, stderr }
  })
  const context = createContext(out, shell)
  const program = createProgram(context, { stdout, stderr })
  let exitCode = EXIT_OK
  try {
    shell.loadSettings?.()
    if (words.length === 0) program.outputHelp()
    else await program.parseAsync(words, { from: 'user' })
  } catch (thrown) {
    const failure = toFailure(thrown)
    exitCode = failure.exitCode
    if (exitCode !== EXIT_OK) out.fail(failure)
  }
  return { exitCode, close: context.close }
}
