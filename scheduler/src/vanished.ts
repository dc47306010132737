import type { Publisher } from '@sluice/shared/broker'
import { toMessage } from '@sluice/shared/envelope'
import type { Logger } from '@sluice/shared/log'
import type { Db, Sql } from '@sluice/prisma/client'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import {
  closeEarlier,
  conclude,
  holdRun,
  type Absence,
  type VanishedOffer
} from '@sluice/prisma/tables/removals'
import type { Credit } from './credit.ts'
import { RunError } from './errors.ts'
import {
  conclusionOf,
  goneFrom,
  goneSince,
  PAGE,
  takePage,
  toVanished,
  type List,
  type Origin
} from './gone.ts'
import type { Books } from './ledger.ts'
import { createSender } from './sender.ts'

export interface VanishedOptions extends Origin {
  db: Db
  publisher: Pick<Publisher, 'publish'>
  exchange: string
  run: Pick<FeedRunRow, 'id' | 'leaseToken'>
  ledger: Books
  credit: Pick<Credit, 'take' | 'settled'>
  signal: AbortSignal
  log: Logger
}

/**
 * What has vanished from the list this run read is withdrawn, unless it is too much to be believed; call it when the
 * records of the run have settled. Every step first makes sure that the run is still ours, in the transaction that does
 * it. Done once more, it does what is left.
 */
export const withdrawVanished = async (at: VanishedOptions, list: List): Promise<void> => {
  const gone = await orSuperseded(at, goneFrom(at, list))
  const { census, held, going, released } = gone
  const removals = conclusionOf(gone)
  await write(at, (tx) =>
    conclude(tx, list.runId, { removals, census, ...(held === undefined ? {} : { held }) })
  )
  if (held !== undefined) at.log.warn({ ...census, code: held.code }, `removals held: ${held.message}`)
  if (going !== undefined) await send(at, { list, going })
  await write(at, async (tx) => {
    if (removals === 'sending') await conclude(tx, list.runId, { removals: 'sent' })
    await closeEarlier(tx, at.source.id, { runId: list.runId, releasedId: released?.id })
  })
}

/**
 * For a run that read no list: what somebody has released is withdrawn, as far as nobody has seen it since; and, if the
 * file is the one that was read before, what became active since by facts that are older than the file.
 */
export const withdrawLeft = async (at: VanishedOptions, isSameFile: boolean): Promise<void> => {
  const gone = await orSuperseded(at, goneSince(at, isSameFile))
  if (gone === undefined) return
  const { list, census, held, going, released } = gone
  if (held !== undefined) {
    await write(at, (tx) => conclude(tx, list.runId, { removals: 'pending', census, held }))
  }
  if (going !== undefined) await send(at, { list, going })
  if (released === undefined) return
  await write(at, (tx) => closeEarlier(tx, at.source.id, { runId: at.run.id, releasedId: released.id }))
}

/** Whoever takes a run over removes its marks: what cannot be looked up then is no mistake of ours. */
const orSuperseded = async <T>(at: VanishedOptions, look: Promise<T>): Promise<T> => {
  try {
    return await look
  } catch (thrown) {
    await write(at, () => Promise.resolve())
    throw thrown
  }
}

/** A step of its own, if the run is still ours. */
const write = ({ db, run }: VanishedOptions, step: (tx: Sql) => Promise<void>): Promise<void> =>
  db.transaction(async (tx) => {
    if (!(await holdRun(tx, run.id, run.leaseToken)))
      throw new RunError('RUN_SUPERSEDED', 'Another scheduler has taken over this run')
    await step(tx)
  })

const send = async (at: VanishedOptions, gone: { list: List; going: Absence }): Promise<void> => {
  const { publisher, exchange, ledger, credit, signal, log } = at
  const { figures } = ledger
  const sender = createSender({ publisher, signal, log, onConfirmed: () => void (figures.vanished += 1) })
  let place = Math.max(gone.list.records, figures.recordsSeen)
  let after = ''
  for (;;) {
    signal.throwIfAborted()
    const page: VanishedOffer[] = []
    await write(at, async (tx) => void page.push(...(await takePage(tx, at, gone, after))))
    for (const offer of page) {
      place += 1
      await credit.take()
      await sender.send(toMessage(toVanished(at, gone.list, offer, place), exchange))
    }
    await sender.flush()
    after = page.at(-1)?.externalId ?? after
    if (page.length < PAGE) break
  }
  await credit.settled()
}
