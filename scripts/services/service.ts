/** What a probe found at an address. */
export type Answer =
  | { state: 'up' }
  /** Nobody listens there. */
  | { state: 'away'; reason: string }
  /** Somebody listens, but will not have us. */
  | { state: 'denied'; reason: string }

/** One of the three servers the house stands on, and every way to come by it. */
export interface Service {
  name: 'postgres' | 'rabbitmq' | 'redis'
  title: string
  /** The environment variable that names it, and wins over everything else. */
  variable: 'DATABASE_URL' | 'RABBITMQ_URL' | 'REDIS_URL'
  /** Where such a server is usually found on a developer's machine, best first. */
  usual: readonly string[]
  probe: (url: string) => Promise<Answer>
  /** As root: an account of our own through the local socket of a server that denies the usual ones. */
  admit?: () => Promise<string>
  debian: {
    packages: readonly string[]
    /** There when the packages are installed. */
    isInstalled: () => Promise<boolean>
    /** Runs once, right after a fresh installation and before the first start. */
    configure?: () => Promise<void>
    /** Starts the installed server by hand and returns its address; it may still be starting up. */
    start: () => Promise<string>
  }
}

export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // Refused on both address families: an AggregateError without a message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ')
  return error.message
}

const AWAY = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENOTFOUND', 'ETIMEDOUT', 'EAI_AGAIN', 'ECONNRESET'])

/** Sorts a failed connection attempt: nobody there, or somebody who says no. */
export const toAnswer = (error: unknown): Answer => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  const state = AWAY.has(code) ? 'away' : 'denied'
  return { state, reason: reasonOf(error) }
}
