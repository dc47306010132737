import type { Writable } from 'node:stream'

/** So much is worth a write of its own: the other side begins with it while the turn goes on. */
const PIECE_BYTES = 16_384

/**
 * Lets what is written to a stream within one turn of the event loop leave in one write, or in pieces of 16 KB. A client
 * that writes each frame or command by itself pays a system call and a packet for each, and wakes the server up. Nothing
 * waits for a timer: the turn's end is a tick away.
 */
export const writeOnceATurn = (stream: Writable): void => {
  const write = stream.write.bind(stream)
  let isCorked = false
  const flush = (): void => {
    if (!isCorked) return
    isCorked = false
    stream.uncork()
  }
  stream.write = (chunk: unknown, ...more: never[]): boolean => {
    if (!isCorked && stream.writableCorked === 0) {
      isCorked = true
      stream.cork()
      process.nextTick(flush)
    }
    const hasRoom = write(chunk, ...more)
    if (stream.writableLength >= PIECE_BYTES) flush()
    return hasRoom
  }
}
