import { describe, expect, it } from 'vitest'
import {
  ConfigError,
  ConflictError,
  DataError,
  DependencyError,
  EnvelopeError,
  ExhaustedError,
  RecordError
} from '@sluice/shared/errors'
import { RETRY_STEPS } from '@sluice/shared/topology'
import { climb, decide } from './decide.ts'

describe('what is done about a failure', () => {
  it.each([
    ['a record that cannot be applied', new RecordError('RECORD_INVALID', 'x'), 'reject'],
    ['data the database refuses', new DataError('DB_DATA', 'x'), 'reject'],
    ['an envelope that cannot be read', new EnvelopeError('ENVELOPE_INVALID', 'x'), 'bury'],
    ['Postgres being away', new DependencyError('postgres', 'DB_UNAVAILABLE', 'x'), 'hold'],
    ['Redis being away, which nobody needs', new DependencyError('redis', 'CACHE_DOWN', 'x'), 'retry'],
    [
      'RabbitMQ being away, which has taken the delivery with it',
      new DependencyError('rabbitmq', 'BROKER_DOWN', 'x'),
      'retry'
    ],
    ['a conflict', new ConflictError('DB_CONFLICT', 'x'), 'again'],
    ['a bug', new TypeError('x'), 'retry'],
    ['a setting that is wrong', new ConfigError('CONFIG_INVALID', ['x']), 'retry']
  ])('%s', (_, error, expected) => {
    expect(decide(error).do).toBe(expected)
  })

  it('sends a conflict that never ends up the ladder', () => {
    expect(decide(new ConflictError('DB_CONFLICT', 'x'), { conflicts: 1_000 })).toEqual({
      do: 'retry',
      step: '5s'
    })
  })

  it('holds what is too much for Postgres, until it is too much all by itself', () => {
    const tooMuch = new ExhaustedError('postgres', 'DB_EXHAUSTED', 'x')
    expect(decide(tooMuch).do).toBe('hold')
    expect(decide(tooMuch, { isAlone: true, attempt: 1 })).toEqual({ do: 'retry', step: '30s' })
    expect(decide(new DependencyError('postgres', 'DB_UNAVAILABLE', 'x'), { isAlone: true }).do).toBe('hold')
  })

  it('climbs the ladder once, then buries', () => {
    const decisions = Array.from({ length: 7 }, (_, attempt) => climb(attempt))
    expect(decisions.slice(0, 5)).toEqual(RETRY_STEPS.map(({ name }) => ({ do: 'retry', step: name })))
    expect(decisions.slice(5)).toEqual([{ do: 'bury' }, { do: 'bury' }])
  })
})
