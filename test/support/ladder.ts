import { connect } from 'amqplib'
import { RETRY_STEPS } from '@sluice/shared/topology'
import type { TestBroker } from './broker.ts'

/**
 * The same ladder with other waits, in a namespace of the test's own, so that a test need not wait for 73 minutes. Call
 * it once the worker has started: it compares the topology then, and consumes nothing here.
 */
export const shortenLadder = async (
  { url, topology, namespace }: TestBroker,
  ttlMs: number
): Promise<void> => {
  const connection = await connect(url, { timeout: 10_000 })
  const channel = await connection.createChannel()
  for (const { name } of RETRY_STEPS) {
    const queue = `${namespace}.retry.${name}.v1`
    const spec = topology.queueSpecs.find((one) => one.name === queue)
    if (spec === undefined) throw new Error(`the topology has no ${queue}`)
    await channel.deleteQueue(queue)
    await channel.assertQueue(queue, {
      durable: true,
      arguments: { ...spec.arguments, 'x-message-ttl': ttlMs }
    })
    await channel.bindQueue(queue, topology.exchanges.retry, `${name}.*`)
  }
  await channel.close()
  await connection.close()
}
