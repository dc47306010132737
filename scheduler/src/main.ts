import { sentrySink } from '@sluice/shared/instrument'
import { orExitWithConfigProblems, runService } from '@sluice/shared/lifecycle'
import { createLogger } from '@sluice/shared/log'
import { loadSchedulerConfig } from './config.ts'
import { keepYoungGenerationSmall } from './memory.ts'
import { startScheduler } from './scheduler.ts'

keepYoungGenerationSmall()
const config = orExitWithConfigProblems(() => loadSchedulerConfig())
const log = createLogger({ service: 'scheduler', level: config.LOG_LEVEL })

await runService({
  log,
  shutdownTimeoutMs: config.SHUTDOWN_TIMEOUT_MS,
  start: async () => (await startScheduler({ config, log, sink: sentrySink })).stoppers
})
