import type { Writable } from 'node:stream'

/**
 * Lets everything that is written to a stream within one turn of the event loop leave in one write. amqplib writes each
 * frame by itself, two a message, and with `noDelay` each is a system call, a packet and a broker woken up. Nothing
 * waits for a timer: the turn's end is a tick away.
 */
export const writeOnceATurn = (stream: Writable): void => {
  const write = stream.write.bind(stream)
  const flush = (): void => stream.uncork()
  stream.write = (chunk: unknown, ...more: never[]): boolean => {
    if (stream.writableCorked === 0) {
      stream.cork()
      process.nextTick(flush)
    }
    return write(chunk, ...more)
  }
}
