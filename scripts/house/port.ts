import { once } from 'node:events'
import { createServer } from 'node:net'

const TRIES = 20
const MAX_PORT = 65_535
/** Chosen already: a program that was given its port may not listen there yet. */
const chosen = new Set<number>()

/**
 * The port `variable` names, which must be one and free, or else the first free one from `usual` up.
 * @throws Error that says which variable to set.
 */
export const choosePort = async (variable: string, usual: number): Promise<number> => {
  const given = process.env[variable]
  const first = given === undefined || given === '' ? usual : Number(given)
  if (given) {
    if (!isPort(given)) {
      throw new Error(
        `${variable} is "${given}", which is no port. Set it to a number from 1 to ${MAX_PORT}.`
      )
    }
    if (await isFree(first)) return take(first)
    throw new Error(`Port ${given} is taken by another program. Set ${variable} to a free one.`)
  }
  for (let port = first; port < first + TRIES; port += 1) if (await isFree(port)) return take(port)
  throw new Error(`Ports ${usual} to ${usual + TRIES - 1} are all taken. Set ${variable} to a free one.`)
}

const isPort = (text: string): boolean => /^\d+$/.test(text) && Number(text) > 0 && Number(text) <= MAX_PORT

const take = (port: number): number => {
  chosen.add(port)
  return port
}

const isFree = async (port: number): Promise<boolean> => {
  if (chosen.has(port)) return false
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
