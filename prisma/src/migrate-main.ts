import { parseArgs } from 'node:util'
import { EXIT_CONFIG } from '@sluice/shared/config'
import { loadEnvFiles } from '@sluice/shared/env-files'
import { ConfigError, DependencyError, toError } from '@sluice/shared/errors'
import { withoutSecrets } from '@sluice/shared/log'
import { loadMigrateConfig } from './config.ts'
import { toStoreError } from './errors.ts'
import { migrate, schemaDiff } from './migrate.ts'

const HELP = `Brings the database to the newest migration. It is created when it is missing; doing it again changes nothing.

  node prisma/src/migrate-main.ts           migrate
  node prisma/src/migrate-main.ts --diff    print the SQL from the database to schema.prisma: the draft of the
                                            next migration, nothing when they agree
  node prisma/src/migrate-main.ts --help

Environment, then .env, then .sluice/env of npm start:
  DATABASE_URL  PostgreSQL, like postgresql://user:password@host:5432/sluice

Exit codes: 0 done, 1 failed, 2 wrong usage, 69 Postgres is not available, 78 wrong setting.
`
const EXIT_FAILED = 1
const EXIT_USAGE = 2
/** EX_UNAVAILABLE of sysexits.h: trying again later may help. */
const EXIT_UNAVAILABLE = 69

const main = async (): Promise<number> => {
  let asked: { help?: boolean; diff?: boolean }
  try {
    asked = parseArgs({
      options: { help: { type: 'boolean', short: 'h' }, diff: { type: 'boolean' } }
    }).values
  } catch (thrown) {
    process.stderr.write(`${toError(thrown).message}\n\n${HELP}`)
    return EXIT_USAGE
  }
  if (asked.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    loadEnvFiles()
    const { DATABASE_URL: url } = loadMigrateConfig()
    process.stdout.write(asked.diff === true ? await schemaDiff(url) : await report(url))
    return 0
  } catch (thrown) {
    const error = toStoreError(thrown)
    process.stderr.write(`Cannot migrate: ${error.message}\n`)
    if (error instanceof ConfigError) return EXIT_CONFIG
    return error instanceof DependencyError ? EXIT_UNAVAILABLE : EXIT_FAILED
  }
}

const report = async (url: string): Promise<string> => {
  const { created, applied } = await migrate({ url })
  const done = [
    ...(created ? ['created'] : []),
    ...(applied.length === 0 ? [] : [`applied ${applied.join(', ')}`])
  ]
  return `${withoutSecrets(url)}: ${done.length === 0 ? 'nothing to do' : done.join(', ')}\n`
}

process.exitCode = await main()
