import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Transform } from 'node:stream'

/** A way to a service of the machine that the test can cut or silence without touching the service. */
export interface Silenceable {
  /** The same address by this way. */
  url: string
  /** Connections stay open and nothing passes; new ones are taken and get no answer. */
  silence: () => void
  /** Connections are lost, and new ones are at once. */
  cut: () => void
  /** Every connection is reset (RST: what was under way is gone), new ones are served; returns how many there were. */
  reset: () => number
  /** As it was: whoever connects from now on is served. */
  restore: () => void
  close: () => Promise<void>
}

export interface SilenceableOptions {
  /** What passes takes so much longer, each way. */
  delayMs?: number
}

export const createSilenceable = async (
  target: string,
  { delayMs = 0 }: SilenceableOptions = {}
): Promise<Silenceable> => {
  const to = new URL(target)
  const sockets = new Set<Socket>()
  let state: 'open' | 'silent' | 'cut' = 'open'

  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    keep(client)
    if (state === 'cut') return void client.destroy()
    if (state === 'silent') return
    const upstream = keep(connect(Number(to.port), to.hostname))
    if (delayMs === 0) client.pipe(upstream).pipe(client)
    else client.pipe(delay(delayMs)).pipe(upstream).pipe(delay(delayMs)).pipe(client)
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const loseAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.toString(),
    silence: () => {
      state = 'silent'
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    cut: () => {
      state = 'cut'
      loseAll()
    },
    reset: () => {
      const count = sockets.size
      for (const socket of sockets) socket.resetAndDestroy()
      return count / 2 // a way in and a way out
    },
    restore: () => {
      state = 'open'
      loseAll() // what was silenced has lost its pipe
    },
    close: async () => {
      server.close()
      loseAll()
      await once(server, 'close')
    }
  }
}

const delay = (ms: number): Transform =>
  new Transform({
    transform: (chunk, _encoding, pass) => void setTimeout(() => pass(undefined, chunk), ms)
  })
