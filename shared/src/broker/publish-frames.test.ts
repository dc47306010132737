import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutgoingMessage } from '../envelope.ts'
import { encodePublish } from './publish-frames.ts'

interface Theirs {
  Connection: { prototype: { sendMessage: (...parts: unknown[]) => boolean; sendContent: unknown } }
  defs: { BasicPublish: number; BasicProperties: number }
}

const load = createRequire(import.meta.url)
/** Past what the package exports: its inside is what is compared with. */
const inside = join(dirname(load.resolve('amqplib')), 'lib')
const { Connection } = load(join(inside, 'connection.js')) as Pick<Theirs, 'Connection'>
const defs = load(join(inside, 'defs.js')) as Theirs['defs']

/** The bytes amqplib would send. */
const theirs = (message: OutgoingMessage, mandatory: boolean, channel: number, frameMax: number): Buffer => {
  const sent: Buffer[] = []
  const buffer = { write: (bytes: Buffer) => sent.push(Buffer.from(bytes)) > 0 }
  const { sendMessage, sendContent } = Connection.prototype
  const { exchange, routingKey, body, properties } = message
  sendMessage.call(
    { channels: { [channel]: { buffer } }, frameMax, sendContent },
    channel,
    defs.BasicPublish,
    { exchange, routingKey, mandatory, immediate: false },
    defs.BasicProperties,
    { ...properties, deliveryMode: 2 },
    body
  )
  return Buffer.concat(sent)
}

const ascii = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: 'binary-ascii', maxLength })
const numbers = fc.oneof(
  fc.integer(),
  fc.constantFrom(-129, -128, 127, 128, -32_769, -32_768, 32_767, 32_768, 2 ** 31 - 1, -(2 ** 31) + 1)
)
const messages = (text: (maxLength: number) => fc.Arbitrary<string>): fc.Arbitrary<OutgoingMessage> =>
  fc.record({
    exchange: text(60),
    routingKey: text(60),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    properties: fc.record({
      messageId: text(60),
      type: fc.constantFrom('record', 'vanished'),
      contentType: fc.constant('application/json' as const),
      timestamp: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      headers: fc.dictionary(text(40), fc.oneof(text(300), numbers))
    })
  })

describe('frames of a publish', () => {
  it('are those amqplib makes, byte for byte', () => {
    fc.assert(
      fc.property(
        messages(ascii),
        fc.boolean(),
        fc.integer({ min: 1, max: 65_535 }),
        (message, mandatory, channel) => {
          for (const frameMax of [64, 131_072]) {
            const ours = encodePublish(message, mandatory, { channel, frameMax })
            expect(ours).toEqual(theirs(message, mandatory, channel, frameMax))
          }
        }
      )
    )
  })

  it('are left to amqplib, or its own, whatever the text', () => {
    fc.assert(
      fc.property(
        messages((maxLength) => fc.string({ unit: 'grapheme', maxLength })),
        (message) => {
          const ours = encodePublish(message, true, { channel: 1, frameMax: 4_096 })
          if (ours !== undefined) expect(ours).toEqual(theirs(message, true, 1, 4_096))
        }
      )
    )
  })

  const plain: OutgoingMessage = {
    exchange: 'sluice.records',
    routingKey: 'webhook.crm',
    body: Buffer.from('{}'),
    properties: {
      messageId: 'd.0',
      type: 'record',
      contentType: 'application/json',
      timestamp: 1,
      headers: {}
    }
  }
  const withHeader = (value: unknown): OutgoingMessage => ({
    ...plain,
    properties: { ...plain.properties, headers: { vendor: value as string } }
  })

  it.each([
    ['a text beyond ASCII', withHeader('Ñandú')],
    ['a fraction', withHeader(1.5)],
    ['a number beyond 32 bits', withHeader(2 ** 32)],
    ['another kind of value', withHeader({})],
    ['more than there is room for', withHeader('x'.repeat(20_000))],
    ['a name that is too long', { ...plain, routingKey: 'x'.repeat(256) }]
  ])('are left to amqplib: %s', (_what, message) => {
    expect(encodePublish(message, true, { channel: 1, frameMax: 4_096 })).toBeUndefined()
    // The next one finds everything as it should be.
    expect(encodePublish(plain, true, { channel: 1, frameMax: 4_096 })).toEqual(theirs(plain, true, 1, 4_096))
  })
})
