import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where the migrations of this release are, one folder each. */
export const MIGRATIONS = join(import.meta.dirname, '../migrations')

/** The name of the last of them: without it a database has not all that our statements ask for. */
export const newestMigration = (): string =>
  readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .reduce((newest, { name }) => (name > newest ? name : newest), '')
