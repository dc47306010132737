import { runFromMenu } from './menu.ts'

/** `pnpm drill <name>|--all`: a fault is injected into a house of its own, and what must hold is checked. */
process.exitCode = await runFromMenu(
  {
    command: 'pnpm drill',
    folder: 'test/drills',
    about: 'a fault injected into private services, and what must hold'
  },
  process.argv.slice(2)
)
