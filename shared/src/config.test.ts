import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { CommonConfig, loadConfig, ShutdownConfig } from './config.ts'
import { ConfigError } from './errors.ts'

const Schema = Type.Object({
  ...CommonConfig,
  ...ShutdownConfig,
  PORT: Type.Integer({ minimum: 1, maximum: 65_535, default: 3000, description: 'Port to listen on' }),
  TRUST: Type.Boolean({ default: false, description: 'Whether to trust' })
})

const GOOD = {
  DATABASE_URL: 'postgresql://user:s3cret@127.0.0.1:5432/sluice',
  RABBITMQ_URL: 'amqp://127.0.0.1',
  REDIS_URL: 'redis://127.0.0.1'
}

const problemsWith = (environment: Record<string, string | undefined>): readonly string[] => {
  try {
    loadConfig(Schema, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('defaults are filled in, text becomes what the schema says, and the result is frozen', () => {
  const config = loadConfig(Schema, { ...GOOD, PORT: '8080', TRUST: 'true' })
  expect(config).toMatchObject({ PORT: 8080, TRUST: true, SLUICE_NAMESPACE: 'sluice', LOG_LEVEL: 'info' })
  expect(config.SENTRY_DSN).toBeUndefined()
  expect(Object.isFrozen(config)).toBe(true)
})

test('what is not ours is left out', () => {
  expect(loadConfig(Schema, { ...GOOD, PATH: '/bin' })).not.toHaveProperty('PATH')
})

test('an empty variable counts as not given', () => {
  expect(loadConfig(Schema, { ...GOOD, PORT: '', SENTRY_DSN: '' })).toMatchObject({ PORT: 3000 })
  expect(problemsWith({ ...GOOD, REDIS_URL: '' })).toEqual([
    'REDIS_URL is not set. Redis, like redis://host:6379'
  ])
})

test('every problem is listed at once, each with what to set', () => {
  const problems = problemsWith({ RABBITMQ_URL: 'http://wrong', PORT: 'eighty', LOG_LEVEL: 'loud' })
  expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
    'DATABASE_URL',
    'RABBITMQ_URL',
    'REDIS_URL',
    'LOG_LEVEL',
    'PORT'
  ])
  for (const problem of problems) expect(problem).toMatch(/\. [A-Z]/)
})

test('a word that is none of those it may be is answered with them', () => {
  expect(problemsWith({ ...GOOD, LOG_LEVEL: 'verbose' })).toEqual([
    expect.stringMatching(/^LOG_LEVEL .*: trace, debug, info, warn, error, fatal, silent$/)
  ])
})

test.each([
  ['PORT', '0'],
  ['PORT', '70000'],
  ['PORT', '80.5'],
  ['PORT', '80x'],
  ['TRUST', 'perhaps'],
  ['SHUTDOWN_TIMEOUT_MS', '5'],
  ['SLUICE_NAMESPACE', 'Not A Name']
])('%s=%s is one problem', (name, value) => {
  expect(problemsWith({ ...GOOD, [name]: value })).toEqual([expect.stringContaining(name)])
})

test.each(['amqp://user:s3#cret@host:5672', 'amqp://user:s3%cret@host', 'amqp://user:s3/cret@host'])(
  'a password that was not percent-encoded is a problem at start, not an endless reconnect: %s',
  (url) => {
    expect(problemsWith({ ...GOOD, RABBITMQ_URL: url })).toEqual([
      expect.stringMatching(/^RABBITMQ_URL is not a URL.*percent-encode/)
    ])
  }
)

test('a list of address ranges names the entries that are none', () => {
  const schema = Type.Object({ ALLOW: Type.String({ default: '', isCidrs: true }) })
  expect(loadConfig(schema, { ALLOW: '10.0.0.0/8, fd00::/8' })).toEqual({ ALLOW: '10.0.0.0/8, fd00::/8' })
  expect(() => loadConfig(schema, { ALLOW: '10.0.0.0/8, intranet, ::1/999' })).toThrow(
    'ALLOW: entry 2, 3 is no range like 10.0.0.0/8.'
  )
})

test('no problem shows a value: it could be a secret', () => {
  const problems = problemsWith({ ...GOOD, DATABASE_URL: 'mysql://user:s3cret@db' })
  expect(problems.join()).not.toContain('s3cret')
})
