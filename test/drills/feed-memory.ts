import { readFile } from 'node:fs/promises'
import { runDrill, type Running } from './_drill.ts'
import { createFeedHouse, type FeedHouse } from './_feed-house.ts'

const SIZES = [20_000, 200_000]
const HEAP_MB = 64
const RUN_TIMEOUT_MS = 900_000
const SAMPLE_MS = 100

const status = async (pid: number, field: 'VmHWM' | 'VmRSS'): Promise<number> => {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(await readFile(`/proc/${pid}/status`, 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}

/** One run in a fresh scheduler: what it needs above what it needed idle, in MB of resident memory. */
const measure = async (drill: Running, at: FeedHouse, offers: number): Promise<void> => {
  await at.writeFeed(offers, 50, (offer) => ({ ...offer, id: `${offers}-${offer.id}` }))
  const scheduler = await at.house.startScheduler([`--max-old-space-size=${HEAP_MB}`])
  const idle = await status(scheduler.pid, 'VmRSS')
  const startedAt = performance.now()
  const runId = await at.startRun()
  const samples: number[] = []
  const sampling = setInterval(
    () => void status(scheduler.pid, 'VmRSS').then((rss) => samples.push(rss)),
    SAMPLE_MS
  )
  const run = await at.endOf(runId, RUN_TIMEOUT_MS).finally(() => clearInterval(sampling))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const peak = await status(scheduler.pid, 'VmHWM')
  const size = offers.toLocaleString('en')
  drill.held(
    `${size} offers finish under --max-old-space-size=${HEAP_MB}`,
    run.state === 'done' && run.published === offers,
    `${run.state}, ${run.published} published, ${Math.round((run.bytesTotal ?? 0) / 1e6)} MB in ${seconds} s; idle ${idle} MB, peak ${peak} MB, ${peak - idle} MB above idle (${samples.length} samples)`
  )
  const { code } = await scheduler.stop()
  drill.held(`and the scheduler stops cleanly`, code === 0, `exit ${code}`)
}

const memory = async (drill: Running): Promise<void> => {
  const at = await createFeedHouse(drill)
  await at.house.startWorker()
  await at.house.startWorker()
  for (const offers of SIZES) await measure(drill, at, offers)
}

await runDrill({
  name: 'feed-memory',
  about: '20,000 and 200,000 offers through a scheduler with a heap of 64 MB; memory above idle for both',
  run: memory
})
