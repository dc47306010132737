import type { Publisher } from '@sluice/shared/broker'
import { toMessage } from '@sluice/shared/envelope'
import type { Logger } from '@sluice/shared/log'
import type { Credit } from './credit.ts'
import type { Books } from './ledger.ts'
import type { Outlet } from './read-feed.ts'
import { createSender } from './sender.ts'

export interface OutletOptions {
  credit: Pick<Credit, 'take'>
  publisher: Pick<Publisher, 'publish'>
  exchange: string
  ledger: Books
  signal: AbortSignal
  log: Logger
}

/** The way of a run's records to the broker, on credit. */
export const createOutlet = ({
  credit,
  publisher,
  exchange,
  ledger: { figures },
  signal,
  log
}: OutletOptions): Outlet => {
  const closed = new AbortController()
  const sender = createSender({
    publisher,
    signal: AbortSignal.any([signal, closed.signal]),
    log,
    onConfirmed: () => void (figures.published += 1)
  })
  return {
    send: async (changed) => {
      for (const { envelope } of changed) {
        await credit.take()
        await sender.send(toMessage(envelope, exchange))
      }
    },
    flush: () => sender.flush(),
    close: () => closed.abort()
  }
}
