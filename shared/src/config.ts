import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { Value } from 'typebox/value'
import { wrongCidrs } from './cidr.ts'
import { ConfigError } from './errors.ts'
import { createConvert } from './formats/convert.ts'
import { DEFAULT_NAMESPACE } from './topology.ts'

/**
 * Settings come from the environment, once, at start. A `config.ts` declares them as a TypeBox object; each property
 * has a `description` (it becomes the documentation) and, unless it must be given, a `default`.
 */

/** A setting that is a URL as a whole, not only at its beginning: a `#` in a password must be written `%23`. */
const url = (pattern: string, description: string) => Type.String({ pattern, isUrl: true, description })

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Settings every service understands. */
export const CommonConfig = {
  DATABASE_URL: url('^postgres(ql)?://', 'PostgreSQL, like postgresql://user:password@host:5432/sluice'),
  RABBITMQ_URL: url('^amqps?://', 'RabbitMQ, like amqp://user:password@host:5672'),
  REDIS_URL: url('^rediss?://', 'Redis, like redis://host:6379'),
  SLUICE_NAMESPACE: Type.String({
    pattern: '^[a-z][a-z0-9-]{0,40}$',
    default: DEFAULT_NAMESPACE,
    description: 'Prefix of every exchange, queue and cache key, so that several houses can share a broker'
  }),
  LOG_LEVEL: Type.Enum(LOG_LEVELS, {
    default: 'info',
    description: `Least severe level that is logged: ${LOG_LEVELS.join(', ')}`
  }),
  SENTRY_DSN: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description: 'Where errors and rejections are reported; nothing is sent without it'
    })
  ),
  SENTRY_ENVIRONMENT: Type.String({
    default: 'production',
    minLength: 1,
    description: 'Name of this installation in Sentry'
  })
}

/** Milliseconds to finish what is in hand after SIGTERM; keep it below the container's `stop_grace_period`. */
export const ShutdownConfig = {
  SHUTDOWN_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 600_000,
    default: 25_000,
    description: 'Time to finish what is in hand after SIGTERM; keep it below stop_grace_period'
  })
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The settings of a service, frozen. An empty variable counts as not given.
 * @throws ConfigError `CONFIG_INVALID` listing every problem, each with what to set.
 */
export const loadConfig = <P extends TProperties>(
  schema: TObject<P>,
  environment: Environment = process.env
): Readonly<Static<TObject<P>>> => {
  const properties = Object.entries(schema.properties as Record<string, PropertySchema>)
  const given = Object.fromEntries(
    properties.flatMap(([name]) => (environment[name] ? [[name, environment[name]]] : []))
  )
  const value = createConvert(schema)(Value.Default(schema, given))
  const problems = properties.flatMap(([name, property]) =>
    problemOf(schema, name, property, value, environment)
  )
  if (problems.length > 0) throw new ConfigError('CONFIG_INVALID', problems)
  return Object.freeze(value as Static<TObject<P>>)
}

interface PropertySchema {
  description?: string
  isUrl?: boolean
  /** Ranges of addresses, separated by commas. */
  isCidrs?: boolean
}

const problemOf = (
  schema: TObject,
  name: string,
  property: PropertySchema,
  value: unknown,
  environment: Environment
): string[] => {
  const given = environment[name]
  const errors = Value.Errors(schema, value)
  const missing =
    !given &&
    errors.some(
      (error) =>
        error.keyword === 'required' &&
        (error.params as { requiredProperties?: string[] }).requiredProperties?.includes(name)
    )
  if (missing) return [`${name} is not set. ${property.description ?? ''}`.trim()]
  const wrong = errors.find(
    (error) => error.instancePath === `/${name}` || error.instancePath.startsWith(`/${name}/`)
  )
  if (wrong !== undefined) return [`${name} ${wrong.message}. ${property.description ?? ''}`.trim()]
  if (given === undefined || given === '') return []
  const wrongRanges = property.isCidrs === true ? wrongCidrs(given) : []
  if (wrongRanges.length > 0) {
    const which = `entry ${wrongRanges.join(', ')}`
    return [`${name}: ${which} is no range like 10.0.0.0/8. ${property.description ?? ''}`.trim()]
  }
  if (property.isUrl !== true || isUrl(given)) return []
  return [
    `${name} is not a URL: percent-encode special characters in user and password. ${property.description ?? ''}`.trim()
  ]
}

const isUrl = (text: string): boolean => {
  try {
    const { username, password } = new URL(text)
    return decodeURIComponent(username + password) !== undefined
  } catch {
    return false
  }
}

/** Exit code for a wrong setting: EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78
