import { createDb } from '@sluice/prisma/client'
import { createPublisher, createSession } from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { createTopology } from '@sluice/shared/topology'
import { createBreaker } from '../../gateway/src/breaker.ts'
import { createRelay } from '../../gateway/src/outbox/relay.ts'

/**
 * A relay, started as a process of its own, that dies by its own SIGKILL when the broker has confirmed the first
 * `CONFIRMS` rows and Postgres knows nothing of it.
 */
const { DATABASE_URL = '', RABBITMQ_URL = '', SLUICE_NAMESPACE = '', CONFIRMS = '1' } = process.env
const log = createLogger({ service: 'dying-relay', level: 'info' })
const db = createDb({ url: DATABASE_URL, poolSize: 2, applicationName: 'dying relay' })
const session = createSession({ url: RABBITMQ_URL, name: 'dying.relay', log })
const publisher = createPublisher(session, { log })
let confirmed = 0

session.start()
await publisher.whenReady(10_000)
createRelay({
  db,
  publisher: {
    get status() {
      return publisher.status
    },
    publish: async (message, options) => {
      await publisher.publish(message, options)
      confirmed += 1
      if (confirmed === Number(CONFIRMS)) process.kill(process.pid, 'SIGKILL')
    }
  },
  breaker: createBreaker(),
  exchange: createTopology(SLUICE_NAMESPACE).exchanges.records,
  log,
  reporter: { captureError: () => undefined },
  everyMs: 50
}).start()
