import { loadEnvFiles } from '@sluice/shared/env-files'
import { loadShellConfig } from './config.ts'
import { createContext } from './context.ts'
import { EXIT_FAILED, EXIT_OK, toFailure } from './errors.ts'
import { createOutput } from './output.ts'
import { createProgram } from './program.ts'
import { widthOf } from './terminal.ts'

/** The wiring of the command line, top to bottom; `main.mjs` has set up how it is loaded. */

/** After the answer is out; something that will not close must not keep a person waiting. */
const CLOSE_TIMEOUT_MS = 3_000

const { stdout, stderr, argv } = process
const words = argv.slice(2)

// `sluice … | head` ends when head has seen enough: that is no error.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_OK)
    throw error
  })
}

const out = createOutput({
  // Read here, because a command line that cannot be parsed must be answered in JSON as well.
  json: words.includes('--json'),
  screen: {
    width: widthOf(stdout, loadShellConfig().COLUMNS),
    color: stdout.isTTY && stdout.hasColors() // hasColors knows NO_COLOR
  },
  ...(stderr.isTTY ? { liveWidth: stderr.columns } : {}),
  streams: { stdout, stderr }
})

const context = createContext(out)
const program = createProgram(context, { stdout, stderr })

try {
  loadEnvFiles()
  if (words.length === 0) program.outputHelp()
  else await program.parseAsync(argv)
} catch (thrown) {
  const failure = toFailure(thrown)
  process.exitCode = failure.exitCode
  if (failure.exitCode !== EXIT_OK) out.fail(failure)
}
setTimeout(() => process.exit(process.exitCode ?? EXIT_FAILED), CLOSE_TIMEOUT_MS).unref()
await context.close()
