import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { recordHash, toMessage, type Envelope } from './envelope.ts'
import { toFaultHeaders } from './fault.ts'
import { createTopology } from './topology.ts'

const manual = readFileSync(fileURLToPath(new URL('../../docs/wire.md', import.meta.url)), 'utf8')
const topology = createTopology('')
/** The row of a table that begins with the name; a name may be one of several in its cell. */
const rowOf = (name: string): string =>
  manual.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? ''
const bare = (name: string): string => name.slice('.'.length)

const everything: Envelope = {
  messageId: 'd.0',
  type: 'record',
  vendor: 'acme',
  source: 'acme-crm',
  format: 'sluice',
  formatVersion: 1,
  lane: 'webhook',
  externalId: '4711',
  factAt: 0,
  factAtFrom: 'record',
  listedAt: 0,
  receivedAt: 0,
  ordinal: 0,
  recordCount: 2,
  recordHash: recordHash('{}'),
  sourceRevision: 1,
  run: '1',
  attempt: 0,
  traceparent: '00',
  body: Buffer.from('{}')
}

test('docs/wire.md explains every property and header of an envelope, and of a failure', () => {
  const { properties } = toMessage(everything, 'records')
  for (const name of Object.keys(properties)) if (name !== 'headers') expect(rowOf(name), name).not.toBe('')
  for (const name of Object.keys(properties.headers)) expect(rowOf(name), name).not.toBe('')
  for (const name of Object.keys(toFaultHeaders(new Error('boom')))) expect(manual).toContain(`\`${name}\``)
})

test('it names every exchange with its type, and every queue with its limits', () => {
  for (const { name, type } of topology.exchangeSpecs) expect(rowOf(bare(name)), name).toMatch(`| ${type}`)
  for (const { name, arguments: wanted } of topology.queueSpecs) {
    const step = /^\.retry\.(.+)\.v1$/.exec(name)?.[1]
    const row = step === undefined ? rowOf(bare(name)) : rowOf('retry.5s.v1')
    expect(row, name).not.toBe('')
    expect(wanted['x-queue-type'], name).toBe('quorum')
    if (step !== undefined) expect(row).toContain(step)
  }
  expect(rowOf('webhook.v1')).toContain(`x-delivery-limit=${String(limitOf(topology.queues.webhook))}`)
  expect(rowOf('quarantine.v1')).toContain(`x-delivery-limit=${String(limitOf(topology.queues.quarantine))}`)
})

test('it names every binding', () => {
  for (const { exchange, queue, routingKey } of topology.bindingSpecs) {
    if (queue.startsWith('.retry.')) continue // one row for all: `<step>.*`
    expect(rowOf(bare(queue)), queue).toContain(
      `\`${bare(exchange)}\`${routingKey === '' ? '' : ` \`${routingKey}\``}`
    )
  }
})

const limitOf = (queue: string): string | number | undefined =>
  topology.queueSpecs.find(({ name }) => name === queue)?.arguments['x-delivery-limit']
