import { Type } from 'typebox'
import { createDb } from '@sluice/prisma/client'
import { CommonConfig, loadConfig } from '@sluice/shared/config'
import { toError } from '@sluice/shared/errors'
import { endProcess, orExitWithConfigProblems, runService } from '@sluice/shared/lifecycle'
import { createLogger } from '@sluice/shared/log'
import { loadCopy, saveCopy } from './file.ts'
import { followOffers } from './follow.ts'

/** An example of a consumer of the stream out (`docs/stream.md`): `node examples/src/offer-copy/main.ts`. */

const config = orExitWithConfigProblems(() =>
  loadConfig(
    Type.Object({
      DATABASE_URL: CommonConfig.DATABASE_URL,
      RABBITMQ_URL: CommonConfig.RABBITMQ_URL,
      SLUICE_NAMESPACE: CommonConfig.SLUICE_NAMESPACE,
      LOG_LEVEL: CommonConfig.LOG_LEVEL,
      COPY_FILE: Type.String({ minLength: 1, default: 'offers.json', description: 'Where the copy is kept' }),
      COPY_QUEUE: Type.String({ minLength: 1, default: 'offer-copy', description: 'Name of its queue' })
    })
  )
)
const log = createLogger({ service: 'offer-copy', level: config.LOG_LEVEL })

await runService({
  log,
  shutdownTimeoutMs: 10_000,
  start: async () => {
    const db = createDb({ url: config.DATABASE_URL, poolSize: 1, applicationName: 'offer-copy' })
    const copy = await loadCopy(config.COPY_FILE)
    log.info({ position: copy.position, offers: copy.offers.size }, 'copy loaded')
    const stoppers = await followOffers({
      rabbitUrl: config.RABBITMQ_URL,
      namespace: config.SLUICE_NAMESPACE,
      queue: config.COPY_QUEUE,
      sql: db.sql,
      copy,
      save: (changed) => saveCopy(config.COPY_FILE, changed),
      onError: (error) => endProcess(toError(error)),
      log
    })
    return [...stoppers, { name: 'database', stop: () => db.close() }]
  }
})
