import pg from 'pg'
import { DependencyError } from '@sluice/shared/errors'
import { toStoreError } from './errors.ts'

/**
 * A lock of which there is one in a database, for work that one process at a time should do. It lives with a
 * connection of its own, so whoever dies gives it up, and the server notices a machine that vanished within half a
 * minute. A holder may learn a moment too late that it lost it: what must never happen twice needs more than this.
 */
export interface Lock {
  /**
   * The signal that fires, with a DependencyError, when the lock is lost, or undefined while somebody else has it. Asking again while it is
   * ours answers the same.
   * @throws DependencyError when Postgres is away
   */
  acquire: () => Promise<AbortSignal | undefined>
  /** Gives it up and closes the connection; it can be acquired again. */
  release: () => Promise<void>
}

export interface LockOptions {
  url: string
  /** A number nobody else uses in this database. */
  key: string
  /** Shown in pg_stat_activity. */
  applicationName: string
  heartbeatMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
/** A connection that does not answer this long is lost: before the server gives the lock to somebody else. */
const ANSWER_TIMEOUT_MS = 3_000
const HEARTBEAT_MS = 5_000
/** The server's side of it: 10 s of silence, then three questions 5 s apart. */
const KEEPALIVES = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3'

interface Session {
  client: pg.Client
  lost: AbortController
  isHeld: boolean
  heartbeat?: NodeJS.Timeout
}

export const createLock = ({ url, key, applicationName, heartbeatMs = HEARTBEAT_MS }: LockOptions): Lock => {
  let session: Session | undefined

  const drop = (dropped: Session, cause?: unknown): void => {
    clearInterval(dropped.heartbeat)
    if (session === dropped) session = undefined
    dropped.lost.abort(lostBy(cause))
    void dropped.client.end().catch(() => undefined) // it is gone already
  }

  const open = async (): Promise<Session> => {
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      options: KEEPALIVES
    })
    const opened: Session = { client, lost: new AbortController(), isHeld: false }
    client.on('error', (error) => drop(opened, error))
    client.on('end', () => drop(opened))
    await client.connect()
    session = opened
    return opened
  }

  const beat = async (of: Session): Promise<void> => {
    try {
      await of.client.query('SELECT 1')
    } catch (thrown) {
      drop(of, thrown)
    }
  }

  return {
    acquire: async () => {
      try {
        const at = session ?? (await open())
        if (at.isHeld) return at.lost.signal
        const { rows } = await at.client.query<{ isOurs: boolean }>(
          'SELECT pg_try_advisory_lock($1) AS "isOurs"',
          [key]
        )
        if (rows[0]?.isOurs !== true) return undefined
        at.isHeld = true
        at.heartbeat = setInterval(() => void beat(at), heartbeatMs)
        return at.lost.signal
      } catch (thrown) {
        if (session !== undefined) drop(session, thrown)
        throw toStoreError(thrown)
      }
    },
    release: async () => {
      const ending = session
      if (ending === undefined) return
      session = undefined
      clearInterval(ending.heartbeat)
      ending.lost.abort(new Error('the lock was given up'))
      await ending.client.end()
    }
  }
}

const lostBy = (cause: unknown): DependencyError =>
  new DependencyError('postgres', 'LOCK_LOST', 'The connection to Postgres that held the lock is gone', {
    cause
  })
