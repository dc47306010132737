import type { Writable } from 'node:stream'

/** So much is worth a write of its own: the broker begins with it while the turn goes on. */
const PIECE_BYTES = 16_384

/** What is published on the channels of one connection, on its way to the socket. */
export interface Pieces {
  /** Whole frames, which nothing may come between. They leave with others of this turn, or once there is enough of them. */
  add: (frames: Buffer) => void
  /** Whoever writes to the socket by another way lets what was added before go first. */
  flush: () => void
}

/** The socket of a connection may end at any time; what was added is lost then, as is what it had not sent yet. */
export const createPieces = (socket: Writable): Pieces => {
  let waiting: Buffer[] = []
  let bytes = 0
  let isTurnEnding = false

  const flush = (): void => {
    if (waiting.length === 0) return
    const leaving = waiting
    waiting = []
    bytes = 0
    if (!socket.writable) return
    socket.cork()
    for (const frames of leaving) socket.write(frames)
    socket.uncork()
  }

  return {
    add: (frames) => {
      waiting.push(frames)
      bytes += frames.length
      if (bytes >= PIECE_BYTES) return flush()
      if (isTurnEnding) return
      isTurnEnding = true
      setImmediate(() => {
        isTurnEnding = false
        flush()
      })
    },
    flush
  }
}
