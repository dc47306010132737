import type { Delivery } from '@sluice/shared/broker'
import { fromMessage, type Envelope } from '@sluice/shared/envelope'
import { DependencyError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Reporter } from '@sluice/shared/sentry'
import type { Db } from '@sluice/prisma/client'
import { insertDeadLetters, type NewDeadLetter } from '@sluice/prisma/tables/dead-letters'
import { deathOf } from './death.ts'
import { decide } from './decide.ts'
import { toLedger, writeLedger, type Entry } from './ledger.ts'
import type { Retries } from './retries.ts'
import { entryOf } from './settle.ts'
import type { Sources } from './sources.ts'
import type { Held, Work } from './work.ts'

export interface DeadLetterWorkDeps {
  db: Pick<Db, 'direct'>
  sources: Sources
  retries: Pick<Retries, 'postpone' | 'show'>
  reporter: Reporter
  /** So many were stored. */
  onStored?: (count: number) => void
  log: Logger
}

/** A letter that cannot even be postponed is looked at again after this long; nothing is ever dropped from the dead. */
const AGAIN_MS = 30_000

/** Drains the queue of the dead into `dead_letters`, where they are listed and replayed, and notes it in the books. */
export const createDeadLetterWork = ({
  db,
  sources,
  retries,
  reporter,
  onStored,
  log
}: DeadLetterWorkDeps): Work => {
  const store = async (batch: readonly Delivery[], withBooks: boolean): Promise<void> => {
    const entries = withBooks ? await entriesOf(batch, sources) : []
    await db.direct.transaction(async (tx) => {
      await insertDeadLetters(tx, batch.map(toDeadLetter))
      await writeLedger(tx, toLedger(entries))
    })
  }

  /** Stores what can be stored, one by one if need be. Throws only a reason to hold. */
  const storeOrPart = async (
    batch: readonly Delivery[],
    isAlone: boolean,
    settle: (delivery: Delivery) => void
  ): Promise<void> => {
    try {
      await store(batch, true)
      for (const delivery of batch) settle(delivery)
    } catch (thrown) {
      if (decide(toError(thrown), { isAlone }).do === 'hold') throw thrown
      const [first] = batch
      if (first === undefined) return
      if (batch.length === 1) return await storeAlone(first, isAlone, settle)
      const middle = Math.ceil(batch.length / 2)
      await storeOrPart(batch.slice(0, middle), isAlone, settle)
      await storeOrPart(batch.slice(middle), isAlone, settle)
    }
  }

  const storeAlone = async (
    delivery: Delivery,
    isAlone: boolean,
    settle: (delivery: Delivery) => void
  ): Promise<void> => {
    try {
      await store([delivery], false) // the letter matters more than the note
      settle(delivery)
    } catch (thrown) {
      if (decide(toError(thrown), { isAlone }).do === 'hold') throw thrown
      const { messageId } = delivery.properties
      log.error({ err: toError(thrown), messageId }, 'dead letter could not be stored, postponed')
      reporter.captureError(thrown, { messageId })
      void postpone(delivery)
    }
  }

  /** To where it holds no place of the lane's, or a hundred of its kind would keep all others from being stored. */
  const postpone = async (delivery: Delivery): Promise<void> => {
    if (await retries.postpone(delivery)) delivery.settle('ack')
    else setTimeout(() => delivery.settle('requeue'), AGAIN_MS).unref()
  }

  return async (batch, { isAlone = false } = {}): Promise<Held | undefined> => {
    const open = new Set(batch)
    try {
      await storeOrPart(batch, isAlone, (delivery) => {
        delivery.settle('ack')
        open.delete(delivery)
        retries.show(delivery)
      })
    } catch (thrown) {
      if (!(thrown instanceof DependencyError)) throw thrown
      return { deliveries: [...open], cause: thrown }
    } finally {
      const stored = batch.length - open.size
      log.info({ size: batch.length, stored }, 'dead letters stored')
      onStored?.(stored)
    }
    return undefined
  }
}

/** The row of a dead message. Pure; takes any message, however damaged. */
const toDeadLetter = (delivery: Delivery): NewDeadLetter => {
  const { body, properties, routingKey } = delivery
  const headers = properties.headers ?? {}
  const fault = deathOf(delivery)
  const firstSeenAt = dateOf(fault?.firstSeen)
  return {
    routingKey,
    properties: {
      messageId: properties.messageId,
      type: properties.type,
      contentType: properties.contentType,
      timestamp: properties.timestamp
    },
    headers,
    body,
    faultCode: fault?.code ?? 'UNKNOWN',
    attempts: countOf(headers['attempt']),
    ...(fault === undefined ? {} : { faultClass: fault.class, faultMessage: fault.message }),
    ...(properties.messageId ? { messageId: properties.messageId } : {}),
    ...text('source', headers['source']),
    ...text('externalId', headers['external-id']),
    ...text('lane', headers['lane']),
    ...(firstSeenAt === undefined ? {} : { firstSeenAt })
  }
}

const text = (name: 'source' | 'externalId' | 'lane', value: unknown): Partial<NewDeadLetter> =>
  typeof value === 'string' ? { [name]: value } : {}

const dateOf = (iso: string | undefined): Date | undefined => {
  const date = new Date(iso ?? '')
  const year = date.getUTCFullYear()
  return year >= 1970 && year <= 9999 ? date : undefined
}

/** As the column takes it: a header may say anything. */
const countOf = (value: unknown): number =>
  typeof value === 'number' && value > 0 ? Math.min(Math.trunc(value), 2_147_483_647) : 0

/** What the books say of those whose envelope can be read and whose source exists. */
const entriesOf = async (batch: readonly Delivery[], sources: Sources): Promise<Entry[]> => {
  const readable = batch.flatMap((delivery) => {
    const envelope = envelopeOf(delivery)
    return envelope === undefined ? [] : [{ delivery, envelope }]
  })
  const settings = await sources.find([...new Set(readable.map(({ envelope }) => envelope.source))])
  return readable.flatMap(({ delivery, envelope }): Entry[] => {
    const source = settings.get(envelope.source)
    if (source === undefined) return []
    const { faultCode: code, faultMessage: message = '' } = toDeadLetter(delivery)
    return [entryOf(envelope, source, 'dead', { code, message })]
  })
}

const envelopeOf = (delivery: Delivery): Envelope | undefined => {
  try {
    return fromMessage(delivery)
  } catch {
    return undefined // why it is dead, and why nothing else can be said about it
  }
}
