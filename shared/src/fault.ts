import { codeOf } from './errors.ts'

/** Why a message is on the retry ladder or among the dead, written into its own headers for whoever opens it. */
export interface Fault {
  /** Class of the error; `Broker` when the broker gave the message up. */
  class: string
  code: string
  message: string
  /** ISO 8601. */
  at?: string
  /** When the message was first seen by us, ISO 8601. */
  firstSeen?: string
}

type Headers = Readonly<Record<string, unknown>>

const FAULT_HEADER = /^(fault-(class|code|message|at)|first-seen)$/
/** A header table has 64 KiB in all; a message of a library may be a page long. */
const MAX_MESSAGE_BYTES = 1_024

/** The headers that say what went wrong; `firstSeen` is kept from an earlier failure when there was one. */
export const toFaultHeaders = (
  error: Error,
  headers: Headers = {},
  now = new Date()
): Record<string, string> => ({
  'fault-class': error.name,
  'fault-code': codeOf(error),
  'fault-message': firstBytes(error.message, MAX_MESSAGE_BYTES),
  'fault-at': now.toISOString(),
  'first-seen': textOf(headers['first-seen']) ?? textOf(headers['received-at']) ?? now.toISOString()
})

/** What our own worker wrote; `undefined` when it wrote nothing. */
export const faultOf = (headers: Headers = {}): Fault | undefined => {
  const code = textOf(headers['fault-code'])
  if (code === undefined) return undefined
  const at = textOf(headers['fault-at'])
  const firstSeen = textOf(headers['first-seen'])
  return {
    class: textOf(headers['fault-class']) ?? 'Error',
    code,
    message: textOf(headers['fault-message']) ?? '',
    ...(at === undefined ? {} : { at }),
    ...(firstSeen === undefined ? {} : { firstSeen })
  }
}

/**
 * What the broker wrote when it gave the message up itself: a queue's delivery limit is reached when a worker dies
 * over it again and again. The newest death stands first in `x-death`; the worker strips all of it from its copies.
 */
export const brokerFaultOf = (headers: Headers = {}): Fault | undefined => {
  const [newest] = Array.isArray(headers['x-death']) ? (headers['x-death'] as readonly unknown[]) : []
  const death = (typeof newest === 'object' && newest !== null ? newest : {}) as Headers
  const reason =
    textOf(death['reason']) ??
    textOf(headers['x-last-death-reason']) ??
    textOf(headers['x-first-death-reason'])
  if (reason === undefined) return undefined
  const queue = textOf(death['queue']) ?? textOf(headers['x-first-death-queue']) ?? 'a queue'
  const firstSeen = textOf(headers['first-seen']) ?? textOf(headers['received-at'])
  return {
    class: 'Broker',
    code: reason.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_'),
    message: `${queue} gave the message up: ${EXPLANATIONS[reason] ?? reason}`,
    ...(firstSeen === undefined ? {} : { firstSeen })
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  delivery_limit: 'it came back unfinished too often; a worker probably died over it',
  expired: 'it was older than the queue keeps messages',
  maxlen: 'the queue was full',
  rejected: 'a consumer rejected it'
}

/** The headers of a fault that somebody else found, for a copy that leaves without the broker's own. */
export const headersOfFault = (fault: Fault): Record<string, string> => ({
  'fault-class': fault.class,
  'fault-code': fault.code,
  'fault-message': firstBytes(fault.message, MAX_MESSAGE_BYTES),
  ...(fault.at === undefined ? {} : { 'fault-at': fault.at }),
  ...(fault.firstSeen === undefined ? {} : { 'first-seen': fault.firstSeen })
})

/** The headers without what a failure wrote: a replay starts afresh. */
export const withoutFaultHeaders = <T>(headers: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !FAULT_HEADER.test(name)))

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const firstBytes = (text: string, bytes: number): string => {
  const buffer = Buffer.from(text)
  // A character cut in half decodes to U+FFFD: drop it rather than show it.
  return buffer.length <= bytes
    ? text
    : buffer
        .subarray(0, bytes)
        .toString('utf8')
        .replace(/\uFFFD+$/, '')
}
