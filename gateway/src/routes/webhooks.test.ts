import { fastify } from 'fastify'
import { expect, it } from 'vitest'
import type { Envelope } from '@sluice/shared/envelope'
import { findFormat, type Format } from '@sluice/shared/formats'
import { createLogger } from '@sluice/shared/log'
import type { Event } from '../duplicates/duplicates.ts'
import type { Source } from '../source-store.ts'
import { takeTurns } from '../take-turns.ts'
import { createTurnstile } from '../turnstile.ts'
import { registerWebhooks } from './webhooks.ts'

const SOURCE: Source = {
  id: 1,
  slug: 'crm',
  vendor: 'acme',
  kind: 'webhook',
  format: 'sluice',
  timeZone: 'UTC',
  revision: 1,
  isPaused: false,
  onBrokerDown: 'refuse',
  onPaused: 'refuse',
  auth: {},
  keys: [],
  secrets: []
}

/** The route alone: every sender is known, and vouches for the event id in `event-id`. */
const createDoor = (format: Format) => {
  const accepted: Envelope[] = []
  const events = new Map<string, string>()
  const keyOf = ({ sourceId, digest }: Event): string => `${sourceId} ${digest}`
  const app = fastify()
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.decorateRequest('facts')
  app.decorateRequest('response')
  app.addHook('onRequest', async (request, reply) => {
    request.facts = {}
    request.response = reply.raw
  })
  takeTurns(app, createTurnstile({ aTurn: 1, mostWaiting: 10 }))
  registerWebhooks(app, {
    admit: {
      identify: async ({ headers }) => {
        const eventId = headers['event-id']
        return {
          source: SOURCE,
          authentication: { ok: true, ...(typeof eventId === 'string' ? { eventId } : {}) }
        }
      },
      limit: async () => undefined
    },
    duplicates: {
      find: async (event) => events.get(keyOf(event)),
      remember: (event, deliveryId) => void events.set(keyOf(event), deliveryId)
    },
    findFormat: () => format,
    accept: async (envelopes) => {
      accepted.push(...envelopes)
      return { confirmed: envelopes.length, outboxed: 0 }
    },
    metrics: {
      timed: (_phase, work) => work(),
      timedAsync: (_phase, work) => work(),
      inFlight: () => undefined
    },
    log: createLogger({ service: 'test', level: 'silent' })
  })
  return {
    accepted: () => accepted.map(({ externalId }) => externalId),
    counts: () => accepted.map(({ recordCount }) => recordCount),
    post: async (eventId: string, records: readonly { id: string }[]): Promise<number> => {
      const headers = { 'content-type': 'application/json', 'event-id': eventId }
      const payload = JSON.stringify(records)
      return (await app.inject({ method: 'POST', url: '/webhooks/crm', headers, payload })).statusCode
    }
  }
}

const sluice = findFormat('sluice') as Format

it('an event id is enough to know a copy by, whatever it carries', async () => {
  const door = createDoor(sluice)
  expect(await door.post('e1', [{ id: 'A' }])).toBe(202)
  expect(await door.post('e1', [{ id: 'B' }])).toBe(200)
  expect(door.accepted()).toEqual(['A'])
})

it('every record of several says how many there are, a single one does not', async () => {
  const door = createDoor(sluice)
  expect(await door.post('e1', [{ id: 'A' }, { id: 'B' }])).toBe(202)
  expect(await door.post('e2', [{ id: 'C' }])).toBe(202)
  expect(door.counts()).toEqual([2, 2, undefined])
})

it('where a format shares event ids, a copy has the same id and the same offers, in whatever order', async () => {
  const door = createDoor({ ...sluice, sharesEventIds: true })
  expect(await door.post('e1', [{ id: 'A' }])).toBe(202)
  expect(await door.post('e1', [{ id: 'B' }])).toBe(202)
  expect(await door.post('e1', [{ id: 'A' }, { id: 'B' }])).toBe(202)
  expect(await door.post('e1', [{ id: 'B' }, { id: 'A' }])).toBe(200)
  expect(await door.post('e1', [{ id: 'B' }])).toBe(200)
  expect(await door.post('e2', [{ id: 'B' }])).toBe(202)
  expect(door.accepted()).toEqual(['A', 'B', 'A', 'B', 'B'])
})
