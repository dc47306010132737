import { connect, type ConfirmChannel } from 'amqplib'
import { fastify } from 'fastify'

/**
 * What the gateway is measured against, as a process of its own: Fastify that answers 202 and does nothing else.
 * `none`: without a broker · `confirm`: one multiplexed publisher confirm a request · `serial`: one after the other.
 */
const [mode = 'none', port = '0', url = '', exchange = ''] = process.argv.slice(2)

const openChannel = async (): Promise<ConfirmChannel> => {
  const connection = await connect(url, { noDelay: true })
  return connection.createConfirmChannel()
}
const channel = mode === 'none' ? undefined : await openChannel()

const publish = (body: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    if (channel === undefined) return resolve()
    const options = { persistent: true, mandatory: true, contentType: 'application/json' }
    channel.publish(exchange, 'webhook.bare', body, options, (error) => {
      if (error === null) resolve()
      else reject(error as Error)
    })
  })

let last: Promise<void> = Promise.resolve()
const publishInTurn = (body: Buffer): Promise<void> => (last = last.then(() => publish(body)))

const app = fastify({ logger: false })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post<{ Body: Buffer }>('/webhooks/bare', async (request, reply) => {
  await (mode === 'serial' ? publishInTurn(request.body) : publish(request.body))
  reply.code(202)
  return { id: request.id, records: 1 }
})
await app.listen({ host: '127.0.0.1', port: Number(port) })
console.log(JSON.stringify({ msg: 'started' }))
