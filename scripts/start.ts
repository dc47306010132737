import { parseArgs } from 'node:util'
import { serveDemoFeed } from '@sluice/examples/costa-demo'
import { LOG_FOLDER, startHouse } from './house/house.ts'
import { occupy, type Occupancy } from './house/occupancy.ts'
import { choosePort } from './house/port.ts'
import { prepareHouse } from './house/prepare.ts'
import { bold, dim, green, red, step } from './progress.ts'
import { provideManagement } from './services.ts'

/** `npm start`: the whole house on this machine, with a demo vendor whose feed and webhooks you see arrive. */

const HELP = `npm start [-- --once]

Provides PostgreSQL, RabbitMQ and Redis, migrates, starts gateway, scheduler and two workers, runs the feed of
a demo vendor, sends demo webhooks, and prints what became of each. Stays up until Ctrl-C.

  --once   verify that everything arrived, stop, and exit 0; exit 1 with the reason otherwise
  --help

Environment: DATABASE_URL, RABBITMQ_URL, REDIS_URL (servers to use instead of local ones), SLUICE_NAMESPACE,
LOG_LEVEL, GATEWAY_PORT, DEMO_FEED_PORT. Logs: .sluice/logs`

const USUAL_FEED_PORT = 8090

/** Ctrl-C or SIGTERM came before the demo was over. */
class Interrupted extends Error {}

/** Brings everything up, runs the demo, stays up unless it is `isOnce`, and stops. Returns what went wrong. */
const runHouse = async (
  isOnce: boolean,
  signalled: Promise<void>,
  tell: Occupancy['tell']
): Promise<string[]> => {
  const interrupted = signalled.then(() => Promise.reject(new Interrupted()))
  interrupted.catch(() => undefined) // heard by whoever races it
  const urls = await prepareHouse()
  const { DEMO_OFFERS, openDemoDb, runDemo, seed } = await import('./demo.ts')
  const feedPort = await choosePort('DEMO_FEED_PORT', USUAL_FEED_PORT)
  const server = await serveDemoFeed({ port: feedPort, count: DEMO_OFFERS })
  const db = openDemoDb(urls.DATABASE_URL)
  try {
    const demo = await seed(db, server.url)
    const house = await step(
      'house',
      ({ note }) => startHouse(urls, note),
      ({ gatewayUrl }) => `gateway, scheduler and two workers are ready at ${gatewayUrl}`
    )
    const problems: string[] = []
    try {
      await tell({ gateway: house.gatewayUrl, 'API docs': `${house.gatewayUrl}/docs`, feed: server.url })
      const day = runDemo(db, demo, house.gatewayUrl)
      problems.push(...(await Promise.race([day, house.failed, interrupted])))
      printProblems(problems)
      const managementUrl = await provideManagement(urls.RABBITMQ_URL)
      printAddresses({
        gateway: `${house.gatewayUrl}/webhooks/${demo.webhook.slug}`,
        'API docs': `${house.gatewayUrl}/docs`,
        'RabbitMQ UI':
          managementUrl === undefined ? 'not on this machine' : `${managementUrl} (guest, guest)`,
        feed: server.url,
        'API key': demo.key,
        logs: LOG_FOLDER
      })
      if (!isOnce) {
        console.log(dim('\n  up until Ctrl-C; try: npm run sluice -- offers list'))
        await Promise.race([signalled, house.failed])
      }
    } finally {
      const left = await step('stopping', () => house.stop())
      for (const problem of left) console.error(red(`  ${problem}`))
      problems.push(...left)
    }
    return problems
  } finally {
    await Promise.all([server.close(), db.close()])
  }
}

const printAddresses = (addresses: Record<string, string>): void => {
  console.log()
  for (const [name, value] of Object.entries(addresses)) console.log(`  ${bold(name.padEnd(12))} ${value}`)
}

const printProblems = (problems: readonly string[]): void => {
  const SHOWN = 10
  if (problems.length === 0) console.log(`\n  ${green('everything arrived')}`)
  else console.error(red(`\n  ${problems.length} things are not as they should be:`))
  for (const problem of problems.slice(0, SHOWN)) console.error(`  - ${problem}`)
}

const IMPATIENCE_MS = 1_000

/** Resolves at the first SIGINT or SIGTERM. A later one, meant as one (npm passes the first on twice), ends it. */
const nextSignal = (): Promise<void> =>
  new Promise((resolve) => {
    let firstAt = 0
    const hear = (): void => {
      if (firstAt === 0) {
        firstAt = Date.now()
        resolve()
      } else if (Date.now() - firstAt > IMPATIENCE_MS) process.exit(130) // the services are on a leash
    }
    process.on('SIGINT', hear)
    process.on('SIGTERM', hear)
  })

const EXIT_USAGE = 2

const main = async (): Promise<number> => {
  let asked: { once?: boolean; help?: boolean }
  try {
    asked = parseArgs({ options: { once: { type: 'boolean' }, help: { type: 'boolean' } } }).values
  } catch (error) {
    console.error(`${red(messageOf(error))}\n\n${HELP}`)
    return EXIT_USAGE
  }
  if (asked.help === true) {
    console.log(HELP)
    return 0
  }
  console.log(bold('\n  Sluice\n'))
  let occupancy: Occupancy | undefined
  try {
    occupancy = await occupy()
    const problems = await runHouse(asked.once === true, nextSignal(), occupancy.tell)
    return problems.length === 0 ? 0 : 1
  } catch (error) {
    if (error instanceof Interrupted) return 130
    console.error(`\n${red(messageOf(error))}`)
    return 1
  } finally {
    await occupancy?.leave()
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

process.exit(await main())
