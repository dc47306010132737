import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { LOCAL_FOLDER } from '../services/notebook.ts'

/** The demo vendor serves its feed on this machine: the scheduler may fetch from there, and so may a preview. */
export const EGRESS_ALLOW = '127.0.0.0/8'

/** Tells `sluice` commands where this house keeps its things; they read `.sluice/env` when the environment is silent. */
export const writeEnvFile = async (settings: object): Promise<void> => {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${String(value)}\n`)
  await mkdir(LOCAL_FOLDER, { recursive: true, mode: 0o700 })
  await writeFile(join(LOCAL_FOLDER, 'env'), lines.join(''), { mode: 0o600 })
}

/** What was written last; nothing before the first time. */
export const readEnvFile = async (): Promise<NodeJS.Dict<string>> => {
  try {
    return parseEnv(await readFile(join(LOCAL_FOLDER, 'env'), 'utf8'))
  } catch {
    return {}
  }
}
