import { loadEnvFiles } from '@sluice/shared/env-files'
import { EXIT_OK } from './errors.ts'
import { runCommand } from './run-command.ts'

/** The command line as a process; `main.mjs` has set up how it is loaded. */

/** After the answer is out; something that will not close must not keep a person waiting. */
const CLOSE_TIMEOUT_MS = 3_000

const { stdout, stderr, argv, env } = process

// `sluice … | head` ends when head has seen enough: that is no error.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_OK)
    throw error
  })
}

const { exitCode, close } = await runCommand(argv.slice(2), {
  environment: env,
  loadSettings: loadEnvFiles,
  cwd: () => process.cwd(),
  stdin: () => process.stdin, // looked at by few, and looking opens it
  stdout,
  stderr,
  onInterrupt: (interrupt) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, interrupt)
  }
})
process.exitCode = exitCode
setTimeout(() => process.exit(), CLOSE_TIMEOUT_MS).unref()
await close()
