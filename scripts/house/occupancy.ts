import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LOCAL_FOLDER } from '../services/notebook.ts'

/** Two houses of one clone would share database, queues and logs, and the second would point the demo feed to itself. */
export interface Occupancy {
  /** Where it can be reached, for whoever wants to move in. */
  tell: (addresses: Readonly<Record<string, string>>) => Promise<void>
  leave: () => Promise<void>
}

interface Note {
  pid: number
  addresses: Readonly<Record<string, string>>
}

/**
 * Writes down that a house runs here. What a process left that is gone, or whose number another program has now, is ignored.
 * @throws Error that says which house is running, and where.
 */
export const occupy = async (folder: string = LOCAL_FOLDER): Promise<Occupancy> => {
  const file = join(folder, 'house.json')
  const note = await read(file)
  if (note !== undefined && isHouse(note.pid)) throw taken(note)
  const tell = async (addresses: Note['addresses']): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(file, `${JSON.stringify({ pid: process.pid, addresses }, null, 2)}\n`, { mode: 0o600 })
  }
  await tell({})
  return { tell, leave: () => rm(file, { force: true }) }
}

const read = async (file: string): Promise<Note | undefined> => {
  try {
    const { pid, addresses } = JSON.parse(await readFile(file, 'utf8')) as Partial<Note>
    return typeof pid === 'number' ? { pid, addresses: addresses ?? {} } : undefined
  } catch {
    return undefined // none, or damaged: as good as none
  }
}

const isHouse = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false // it is gone, or somebody else's
  }
  try {
    const command = execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' })
    return /\bstart\.ts\b/.test(command)
  } catch {
    return true // nobody can say, on a machine without ps
  }
}

const taken = ({ pid, addresses }: Note): Error => {
  const where = Object.entries(addresses).map(([name, value]) => `\n  ${name.padEnd(12)} ${value}`)
  return new Error(
    `A house is already running here (pid ${pid})${where.length === 0 ? ', and still starting' : ''}. ` +
      `Stop it first, with Ctrl-C or: kill ${pid}${where.join('')}`
  )
}
