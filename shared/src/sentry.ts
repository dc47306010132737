import { codeOf, toError } from './errors.ts'
import type { Logger } from './log.ts'
import { redactMessage, redactText, shapeOf } from './redact.ts'

/** Where reports go; `instrument.ts` makes the one that reaches Sentry. */
export interface ReportSink {
  send: (report: Report) => void
  /** Waits until everything has left, at most `timeoutMs`. */
  flush: (timeoutMs: number) => Promise<void>
}

/** One event. Everything in it has been redacted. */
export interface Report {
  level: 'info' | 'warning' | 'error'
  message: string
  /** What makes two events the same issue. */
  fingerprint: readonly string[]
  tags: Readonly<Record<string, string>>
  extra: Readonly<Record<string, unknown>>
  /** A bug: its stack goes along. */
  error?: Error
}

/** A record that was rejected, as the reporter needs it. */
export interface RejectionReport {
  source: string
  code: string
  path?: string | undefined
  message: string
  messageId?: string | undefined
  record?: unknown
}

/** The begin or the end of a trouble with a feed. */
export interface IncidentReport {
  source: string
  kind: string
  code: string
  message: string
  isOver: boolean
}

export interface Reporter {
  /**
   * Counts a rejection. One event a source, code and window leaves, with the count and the shape of a sample: a feed
   * with a million bad records is one problem, not a million.
   */
  rejection: (rejection: RejectionReport) => void
  /** Reports a trouble with a feed, or its end; whoever calls takes care that it is one event each. */
  incident: (incident: IncidentReport) => void
  /** Reports a bug: the first at once, its repeats within the window as a count on the next one. */
  captureError: (thrown: unknown, context?: Readonly<Record<string, string | number | undefined>>) => void
  /** Sends what is counted and waits for it to leave, at most `timeoutMs`. */
  close: (timeoutMs: number) => Promise<void>
}

export interface ReporterOptions {
  /** Without a sink nothing is kept and nothing is sent. */
  sink: ReportSink | undefined
  service: string
  log: Logger
  windowMs?: number
}

const DEFAULT_WINDOW_MS = 60_000
/** Open windows and remembered errors; beyond it the rest share one entry, so a flood of kinds stays bounded too. */
const MAX_KEYS = 500
const REST = '(other)'

export const createReporter = ({
  sink,
  service,
  log,
  windowMs = DEFAULT_WINDOW_MS
}: ReporterOptions): Reporter => {
  const windows = new Map<string, RejectionWindow>()
  const errors = new Map<string, { until: number; repeats: number }>()

  const send = (report: Report): void => {
    try {
      sink?.send(report)
    } catch (thrown) {
      log.warn({ err: toError(thrown) }, 'report could not be sent')
    }
  }

  const closeWindow = (key: string): void => {
    const window = windows.get(key)
    if (window === undefined) return
    windows.delete(key)
    clearTimeout(window.timer)
    send(rejectionReport(service, window))
  }

  return {
    rejection: (rejection) => {
      if (sink === undefined) return
      const wanted = `${rejection.source} ${rejection.code}`
      const key = windows.has(wanted) || windows.size < MAX_KEYS ? wanted : REST
      const open = windows.get(key)
      if (open !== undefined) {
        open.count++
        return
      }
      windows.set(key, {
        source: key === REST ? REST : rejection.source,
        code: key === REST ? REST : rejection.code,
        count: 1,
        since: new Date(),
        sample: sampleOf(rejection),
        timer: setTimeout(closeWindow, windowMs, key).unref()
      })
    },

    incident: ({ source, kind, code, message, isOver }) => {
      send({
        level: isOver ? 'info' : 'warning',
        message: isOver ? `trouble with ${source} is over: ${code}` : `trouble with ${source}: ${code}`,
        fingerprint: ['incident', source, kind, isOver ? 'over' : 'begun'],
        tags: { service, source, code, kind },
        extra: { message: redactMessage(message) }
      })
    },

    captureError: (thrown, context = {}) => {
      if (sink === undefined) return
      const error = toError(thrown)
      const now = Date.now()
      const wanted = `${error.name} ${codeOf(error)} ${originOf(error)}`
      const key = errors.has(wanted) || errors.size < MAX_KEYS ? wanted : REST
      const seen = errors.get(key)
      if (seen !== undefined && now < seen.until) {
        seen.repeats++
        return
      }
      errors.delete(key)
      for (const [name, { until, repeats }] of errors) if (until <= now && repeats === 0) errors.delete(name)
      errors.set(key, { until: now + windowMs, repeats: 0 })
      send(errorReport(service, error, context, seen?.repeats ?? 0))
    },

    close: async (timeoutMs) => {
      if (sink === undefined) return
      for (const key of windows.keys()) closeWindow(key)
      await sink.flush(timeoutMs).catch((thrown: unknown) => {
        log.warn({ err: toError(thrown) }, 'reports could not be flushed')
      })
    }
  }
}

interface RejectionWindow {
  source: string
  code: string
  count: number
  since: Date
  sample: Record<string, unknown>
  timer: NodeJS.Timeout
}

const sampleOf = ({ path, message, messageId, record }: RejectionReport): Record<string, unknown> => ({
  message: redactMessage(message),
  ...(path === undefined ? {} : { path: redactText(path, 200) }),
  ...(messageId === undefined ? {} : { messageId }),
  ...(record === undefined ? {} : { record: shapeOf(record) })
})

const rejectionReport = (service: string, window: RejectionWindow): Report => ({
  level: 'warning',
  message: `records of ${window.source} rejected: ${window.code}`,
  fingerprint: ['rejection', window.source, window.code],
  tags: { service, source: window.source, code: window.code },
  extra: {
    count: window.count,
    since: window.since.toISOString(),
    until: new Date().toISOString(),
    sample: window.sample
  }
})

const errorReport = (
  service: string,
  error: Error,
  context: Readonly<Record<string, string | number | undefined>>,
  repeats: number
): Report => ({
  level: 'error',
  message: redactText(error.message),
  fingerprint: ['error', service, error.name, codeOf(error), originOf(error)],
  tags: {
    service,
    code: codeOf(error),
    ...Object.fromEntries(
      Object.entries(context).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value).slice(0, 200)]]
      )
    )
  },
  extra: { repeatsBefore: repeats },
  error
})

/** Function and file of the first frame, without line numbers: they move with every edit. */
const originOf = (error: Error): string =>
  (/\n\s+at ([^\n]*)/.exec(error.stack ?? '')?.[1] ?? '')
    .replace(/(:\d+)+\)?$/, '')
    .replace(/\(?[^\s(]*\//, '')
