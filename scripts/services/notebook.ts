import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where local runs keep what must be the same the next time: git-ignored, readable by its owner only. */
export const LOCAL_FOLDER = join(import.meta.dirname, '../../.sluice')

/** A note under `.sluice`; `undefined` when there is none or it cannot be read. */
export const readNote = async <T extends object>(name: string): Promise<Partial<T> | undefined> => {
  try {
    return JSON.parse(await readFile(join(LOCAL_FOLDER, `${name}.json`), 'utf8')) as Partial<T>
  } catch {
    return undefined // first run, or damaged: as good as absent
  }
}

export const writeNote = async (name: string, value: object): Promise<void> => {
  await mkdir(LOCAL_FOLDER, { recursive: true, mode: 0o700 })
  await writeFile(join(LOCAL_FOLDER, `${name}.json`), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
}
