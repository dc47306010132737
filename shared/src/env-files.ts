import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** `.env` is a person's; `.sluice/env` is written by `npm start` for the house it has brought up. */
const ENV_FILES = ['.env', '.sluice/env']
const ROOT = join(import.meta.dirname, '../..')

/**
 * Reads the settings files of the repository, where they exist, for programs a person starts by hand. What is already
 * set wins, then the first file. In a container there are none.
 */
export const loadEnvFiles = (root: string = ROOT): void => {
  for (const file of ENV_FILES) {
    const path = join(root, file)
    if (existsSync(path)) process.loadEnvFile(path)
  }
}
