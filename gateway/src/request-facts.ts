import type { ServerResponse } from 'node:http'
import type { Refusal } from './errors.ts'

/** What a request turned out to be, collected on its way for its one log line. Never a header or a body. */
interface RequestFacts {
  source?: string
  keyId?: number
  secretId?: number
  /** Why the sender was not known; the sender is told less. */
  authentication?: string
  /** What became of it, unless it was refused. */
  outcome?: 'accepted' | 'duplicate' | 'challenge' | 'validated'
  /** The delivery of which it was a copy. */
  duplicateOf?: string
  bytes?: number
  records?: number
  /** Records that went to the outbox, because the broker did not take them or the source is paused. */
  outboxed?: number
  /** Records whose own time lies ahead of their receipt and is clamped to it. */
  fromTheFuture?: number
  traceparent?: string
  refusal?: Refusal
}

declare module 'fastify' {
  interface FastifyRequest {
    facts: RequestFacts
    /** What it is answered on; its `close` says that the request is over, however it ended. */
    response: ServerResponse
  }
}
