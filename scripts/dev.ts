import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { prepareHouse } from './house/prepare.ts'
import { bold, dim } from './progress.ts'
import { ROOT } from './root.ts'

/** `pnpm dev`: gateway, scheduler and one worker, each started again whenever a file it reads changes. */
const HELP = `pnpm dev

Provides the services, migrates, applies the topology, and runs gateway, scheduler and one worker in watch mode, their logs
on this terminal. Settings come from the environment; nothing is seeded (npm start does that).`

const ROOMS = ['gateway', 'scheduler', 'worker']

const main = async (): Promise<void> => {
  console.log(bold('\n  Sluice, watching\n'))
  const urls = await prepareHouse()
  const settings = { LOG_LEVEL: 'debug', SENTRY_ENVIRONMENT: 'local', GATEWAY_HOST: '127.0.0.1' }
  const watch = ['--watch', '--watch-preserve-output', '--import', './shared/src/instrument.ts']
  const children = ROOMS.map((room) =>
    spawn(process.execPath, [...watch, `${room}/src/main.ts`], {
      cwd: ROOT,
      env: { ...settings, ...process.env, ...urls },
      stdio: ['ignore', 'inherit', 'inherit']
    })
  )
  console.log(dim('\n  until Ctrl-C\n'))
  // From a terminal the children have heard it as well; here it only must not end us before them.
  const stop = (signal: NodeJS.Signals): void => children.forEach((child) => child.kill(signal))
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', stop)
  await Promise.all(children.map((child) => once(child, 'exit')))
}

if (process.argv.includes('--help')) console.log(HELP)
else await main()
