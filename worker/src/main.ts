import { sentrySink } from '@sluice/shared/instrument'
import { orExitWithConfigProblems, runService } from '@sluice/shared/lifecycle'
import { createLogger } from '@sluice/shared/log'
import { loadWorkerConfig } from './config.ts'
import { startWorker } from './worker.ts'

const config = orExitWithConfigProblems(() => loadWorkerConfig())
const log = createLogger({ service: 'worker', level: config.LOG_LEVEL })

await runService({
  log,
  shutdownTimeoutMs: config.SHUTDOWN_TIMEOUT_MS,
  start: async () => (await startWorker({ config, log, sink: sentrySink })).stoppers
})
