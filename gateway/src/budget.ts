import { ANSWER_MS, BUDGET_MS, OUTBOX_MS } from './limits.ts'

/** The time a request has from the last byte of its body on, and what each part of the work may still take of it. */
export interface Budget {
  /** For room and the broker's confirm; what the outbox may need is kept back for it. */
  publishMs: (mayStore: boolean) => number
  /** For the outbox; never more than its part, so that a Postgres that hangs is not waited for longer. */
  outboxMs: () => number
}

/** The one deadline of a request, made when its body is complete and handed down to whoever waits for somebody. */
export const startBudget = (startedAt = performance.now()): Budget => {
  const answerAt = startedAt + BUDGET_MS - ANSWER_MS
  const leftMs = (keptMs: number): number => Math.max(0, answerAt - keptMs - performance.now())
  return {
    publishMs: (mayStore) => leftMs(mayStore ? OUTBOX_MS : 0),
    outboxMs: () => Math.min(OUTBOX_MS, leftMs(0))
  }
}
