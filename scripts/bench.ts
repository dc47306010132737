import { runFromMenu } from './menu.ts'

/** `pnpm bench <name>|--all`: measured claims, each with its baseline in the same run. */
process.exitCode = await runFromMenu(
  {
    command: 'pnpm bench',
    folder: 'bench/src',
    about: 'a measured claim, with its baseline in the same run'
  },
  process.argv.slice(2)
)
