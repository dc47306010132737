import type { Delivery } from '@sluice/shared/broker'
import type { Outcome } from '@sluice/shared/change'
import { recordOf, stampOf, type Envelope } from '@sluice/shared/envelope'
import {
  codeOf,
  type DependencyError,
  EnvelopeError,
  toError,
  type DataError,
  type RecordError
} from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { createSampler } from '@sluice/shared/sampler'
import type { Reporter } from '@sluice/shared/sentry'
import type { Db } from '@sluice/prisma/client'
import type { Result } from './apply.ts'
import { climb, decide, type Climb } from './decide.ts'
import { toLedger, writeLedger, type Entry } from './ledger.ts'
import type { Retries } from './retries.ts'
import type { SourceSettings } from './sources.ts'
import type { Held, WorkOptions } from './work.ts'

/** A delivery and what became of it; without an envelope when it could not even be read. */
export interface Settlement {
  delivery: Delivery
  envelope?: Envelope
  result: Result
}

/** How many of a batch ended how. */
export type Tally = Partial<Record<Outcome | 'held', number>>

export interface Settler {
  /** Answers the broker for every delivery of a batch, each by its own result, except for those to hold. */
  settle: (
    settlements: readonly Settlement[],
    options?: WorkOptions
  ) => Promise<{ held?: Held; tally: Tally }>
  /** Moves a delivery that came back too often to where it can take nobody with it. */
  quarantine: (delivery: Delivery) => Promise<void>
}

export interface SettlerDeps {
  /** Name of the lane a retry returns to. */
  lane: string
  db: Pick<Db, 'direct'>
  retries: Retries
  reporter: Reporter
  log: Logger
}

const LOG_EVERY_MS = 10_000

export const createSettler = ({ lane, db, retries, reporter, log }: SettlerDeps): Settler => {
  const sampled = createSampler({ everyMs: LOG_EVERY_MS })

  const reject = (envelope: Envelope, problem: RecordError | DataError, record: unknown): void => {
    const { code, path, message } = problem
    const { source, externalId, messageId } = envelope
    reporter.rejection({ source, code, path, message, messageId, record })
    const swallowed = sampled(`${source} ${code}`)
    if (swallowed !== undefined)
      log.warn({ source, externalId, messageId, code, path, swallowed }, 'record rejected')
  }

  /** Publishes the copy, then acknowledges. Waits for the broker, so nobody waits for it. */
  const move = async ({ delivery, envelope, error, decision }: Failure): Promise<void> => {
    const { messageId } = delivery.properties
    const fields = {
      lane,
      messageId,
      source: envelope?.source,
      attempt: envelope?.attempt,
      code: codeOf(error)
    }
    reporter.captureError(error, fields)
    const swallowed = sampled(`${decision.do} ${error.name} ${codeOf(error)}`)
    if (swallowed !== undefined) log.error({ ...fields, err: error, swallowed }, LOG_LINES[decision.do])
    const isConfirmed =
      decision.do === 'bury'
        ? await retries.bury(delivery, error)
        : await retries.climb(delivery, error, {
            step: decision.step,
            lane,
            attempt: (envelope?.attempt ?? 0) + 1
          })
    if (isConfirmed) delivery.settle('ack')
  }

  return {
    settle: async (settlements, { isAlone = false } = {}) => {
      const tally: Tally = {}
      const count = (what: Outcome | 'held'): void => void (tally[what] = (tally[what] ?? 0) + 1)
      const held: Delivery[] = []
      let cause: DependencyError | undefined
      const hold = (delivery: Delivery, why: DependencyError): void => {
        count('held')
        held.push(delivery)
        cause = why
      }
      const failures: Failure[] = []

      for (const { delivery, envelope, result } of settlements) {
        if ('outcome' in result) {
          delivery.settle('ack')
          count(result.outcome)
          if (envelope !== undefined && result.problem !== undefined)
            reject(envelope, result.problem, result.record)
          continue
        }
        const decision = decideFinally(result.error, envelope, isAlone)
        if (decision.do === 'hold') hold(delivery, decision.cause)
        else failures.push({ delivery, envelope, error: result.error, source: result.source, decision })
      }

      const unwritten = await noteRetries(db, failures, isAlone, log)
      for (const failure of failures) {
        if (unwritten !== undefined && failure.decision.do === 'retry') {
          hold(failure.delivery, unwritten)
          continue
        }
        count(failure.decision.do === 'bury' ? 'dead' : 'retried')
        void move(failure).catch((thrown: unknown) => {
          log.error({ err: toError(thrown) }, 'copy failed, the delivery stays unacknowledged')
        })
      }
      return { tally, ...(cause === undefined ? {} : { held: { deliveries: held, cause } }) }
    },

    quarantine: async (delivery) => {
      const { messageId } = delivery.properties
      log.warn({ lane, messageId, deliveryCount: delivery.deliveryCount }, 'delivery quarantined')
      if (await retries.quarantine(delivery)) delivery.settle('ack')
    }
  }
}

interface Failure {
  delivery: Delivery
  envelope: Envelope | undefined
  error: Error
  source: SourceSettings | undefined
  decision: Climb
}

const LOG_LINES = {
  retry: 'message failed, sent up the ladder',
  bury: 'message failed, sent to the dead letters'
}

/** The applier has already rejected what can be rejected and repeated what can be repeated: the rest climbs. */
const decideFinally = (error: Error, envelope: Envelope | undefined, isAlone: boolean) => {
  const attempt = envelope?.attempt ?? 0
  const decision = decide(error, { attempt, conflicts: Infinity, isAlone })
  return decision.do === 'reject' || decision.do === 'again' ? climb(attempt) : decision
}

/**
 * Writes `retried` into the books before the copy leaves, so that the copy's own outcome comes after it. The dead are
 * noted by the lane that drains them. Returns the error when Postgres is away: then these are held, too.
 */
const noteRetries = async (
  db: Pick<Db, 'direct'>,
  failures: readonly Failure[],
  isAlone: boolean,
  log: Logger
): Promise<DependencyError | undefined> => {
  const entries = failures.flatMap(({ decision, envelope, source, error }): Entry[] =>
    decision.do !== 'retry' || envelope === undefined || source === undefined
      ? []
      : [entryOf(envelope, source, 'retried', { code: codeOf(error), message: error.message })]
  )
  if (entries.length === 0) return undefined
  try {
    await db.direct.transaction((tx) => writeLedger(tx, toLedger(entries)))
  } catch (thrown) {
    const decision = decide(toError(thrown), { isAlone })
    if (decision.do === 'hold') return decision.cause
    log.error({ err: toError(thrown) }, 'retries could not be noted') // the ladder matters more than the note
  }
  return undefined
}

/** An entry for a message that never got a meaning. */
export const entryOf = (
  envelope: Envelope,
  source: { id: number },
  outcome: Outcome,
  problem: NonNullable<Entry['problem']>
): Entry => ({
  message: { envelope, stamp: stampOf(envelope), source, ...recordIn(envelope) },
  outcome,
  problem
})

const recordIn = (envelope: Envelope): { record?: unknown } => {
  if (envelope.type === 'vanished') return {}
  try {
    return { record: recordOf(envelope) }
  } catch (thrown) {
    if (thrown instanceof EnvelopeError) return {}
    throw thrown
  }
}
