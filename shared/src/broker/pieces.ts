import type { Writable } from 'node:stream'

/** So much is worth a write of its own: the broker begins with it while the turn goes on. */
const PIECE_BYTES = 16_384

/** Writes whole frames, which nothing may come between. */
export type WriteFrames = (frames: Buffer) => void

/**
 * What is published on the channels of one connection leaves in pieces of 16 KB, and with the end of a turn. It stands in
 * the socket's own line from the first moment, so nothing that is written by another way comes before it. A socket that
 * has ended takes nothing: what it did not send is lost, and whoever waits for an answer hears that it has none.
 */
export const createPieces = (socket: Writable): WriteFrames => {
  let isCorked = false
  let isTurnEnding = false

  const leave = (): void => {
    if (!isCorked) return
    isCorked = false
    socket.uncork()
  }
  const endTurn = (): void => {
    isTurnEnding = false
    leave()
  }

  return (frames) => {
    if (!socket.writable) return
    if (!isCorked) {
      isCorked = true
      socket.cork()
    }
    if (!isTurnEnding) {
      isTurnEnding = true
      setImmediate(endTurn)
    }
    socket.write(frames)
    if (socket.writableLength >= PIECE_BYTES) leave()
  }
}
