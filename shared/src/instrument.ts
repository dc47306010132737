import { Type } from 'typebox'
import type { ErrorEvent } from '@sentry/node'
import { CommonConfig, loadConfig } from './config.ts'
import { ConfigError } from './errors.ts'
import { redactText } from './redact.ts'
import type { ReportSink } from './sentry.ts'

/**
 * Sentry, started before anything else: `node --import ./shared/src/instrument.ts <service>/src/main.ts`. Without
 * `SENTRY_DSN` it does nothing and does not even load the SDK (45 MB of memory, a third of a second).
 *
 * The SDK's own collectors are all off (version 11 sends bodies, headers, users and local variables by default):
 * what leaves is what `sentry.ts` composes, and uncaught errors; each event is redacted once more on its way out.
 */

const InstrumentConfig = Type.Object({
  SENTRY_DSN: CommonConfig.SENTRY_DSN,
  SENTRY_ENVIRONMENT: CommonConfig.SENTRY_ENVIRONMENT
})

/** An event without anything that could be a secret or personal. Pure. */
export const scrub = (event: ErrorEvent): ErrorEvent => {
  const { request: _request, user: _user, breadcrumbs: _breadcrumbs, ...kept } = event
  if (kept.message !== undefined) kept.message = redactText(kept.message)
  if (kept.exception !== undefined) kept.exception = { values: kept.exception.values?.map(scrubbed) ?? [] }
  return kept
}

type Exception = NonNullable<NonNullable<ErrorEvent['exception']>['values']>[number]

const scrubbed = (exception: Exception): Exception => {
  const copy = { ...exception }
  if (copy.value !== undefined) copy.value = redactText(copy.value)
  const frames = copy.stacktrace?.frames?.map(({ vars: _vars, ...frame }) => frame)
  if (frames !== undefined) copy.stacktrace = { frames }
  return copy
}

const settings = (): { dsn: string; environment: string } | undefined => {
  try {
    const config = loadConfig(InstrumentConfig)
    if (config.SENTRY_DSN === undefined) return undefined
    return { dsn: config.SENTRY_DSN, environment: config.SENTRY_ENVIRONMENT }
  } catch (thrown) {
    if (thrown instanceof ConfigError) return undefined // the service reads it too, and lists it with the rest
    throw thrown
  }
}

const start = async ({ dsn, environment }: { dsn: string; environment: string }): Promise<ReportSink> => {
  const sentry = await import('@sentry/node')
  sentry.initWithoutDefaultIntegrations({
    dsn,
    environment,
    integrations: [
      sentry.linkedErrorsIntegration(),
      sentry.nodeContextIntegration(),
      sentry.onUncaughtExceptionIntegration({ exitEvenIfOtherHandlersAreRegistered: false }),
      sentry.onUnhandledRejectionIntegration({ mode: 'none' })
    ],
    dataCollection: {
      userInfo: false,
      cookies: false,
      httpHeaders: false,
      httpBodies: [],
      urlQueryParams: false,
      databaseQueryData: false,
      queues: false,
      stackFrameVariables: false
    },
    enableRuntimeChannelInjection: false,
    maxBreadcrumbs: 0,
    beforeSend: scrub
  })
  return {
    send: ({ level, message, fingerprint, tags, extra, error }) => {
      const context = { level, fingerprint: [...fingerprint], tags, extra }
      if (error === undefined) sentry.captureMessage(message, context)
      else sentry.captureException(error, context)
    },
    flush: async (timeoutMs) => {
      await sentry.flush(timeoutMs)
    }
  }
}

const configured = settings()

/** Hands reports to Sentry; `undefined` without `SENTRY_DSN`. Give it to `createReporter`. */
export const sentrySink: ReportSink | undefined =
  configured === undefined ? undefined : await start(configured)
