import type { Server } from 'node:http'
import type { Logger } from '@sluice/shared/log'

const SAY_EVERY_MS = 10_000

/**
 * Beyond `max` connections further ones are hung up on before a byte is read; that is logged once in ten seconds, with
 * how many there were. Those who hold connections and send nothing lose them to the timeouts of Node.
 */
export const capConnections = (server: Server, max: number, log: Logger): void => {
  let dropped = 0
  let saidAt = Number.NEGATIVE_INFINITY
  server.maxConnections = max
  server.on('drop', () => {
    dropped += 1
    const now = performance.now()
    if (now - saidAt < SAY_EVERY_MS) return
    log.warn({ max, dropped }, 'too many connections, further ones are hung up on')
    saidAt = now
    dropped = 0
  })
}
