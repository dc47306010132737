import { expect, it } from 'vitest'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import { codeOf, toError } from '@sluice/shared/errors'
import { decide } from './decide.ts'
import { toMessage } from './message.ts'

const source = { id: 1, slug: 'crm', vendorId: 1, vendorSlug: 'costa', timeZone: 'UTC' }
const body = Buffer.from(JSON.stringify({ id: '1', change: 'withdraw' }))
const envelope: Envelope = {
  messageId: 'd.0',
  type: 'record',
  vendor: 'costa',
  source: 'crm',
  format: 'sluice',
  formatVersion: 1,
  lane: 'webhook',
  externalId: '1',
  factAt: 1,
  factAtFrom: 'record',
  receivedAt: 1,
  ordinal: 0,
  recordHash: recordHash(body),
  sourceRevision: 1,
  attempt: 0,
  body
}
const failureOf = (message: Envelope): Error | undefined => {
  try {
    toMessage(message, source)
    return undefined
  } catch (thrown) {
    return toError(thrown)
  }
}

it('leaves a record of a newer version of its format to whoever knows that version', () => {
  const failure = failureOf({ ...envelope, formatVersion: 2 })
  expect(codeOf(failure)).toBe('FORMAT_NEWER')
  expect(decide(failure ?? new Error('applied'))).toEqual({ do: 'retry', step: '5s' })
  expect(failureOf(envelope)).toBeUndefined()
})

it('applies what vanished, whatever the version: no mapping gives it its meaning', () => {
  const vanished: Envelope = {
    ...envelope,
    type: 'vanished',
    formatVersion: 2,
    lane: 'feed',
    run: '1',
    body: Buffer.alloc(0)
  }
  expect(toMessage(vanished, source).meaning).toMatchObject({ fact: { change: { kind: 'vanish' } } })
})
