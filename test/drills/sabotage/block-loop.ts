/** Preloaded into a worker: SIGUSR2 keeps its event loop busy for so long. */
const BUSY_MS = Number(process.env['DRILL_BUSY_MS'] ?? 15_000)

process.on('SIGUSR2', () => {
  const end = performance.now() + BUSY_MS
  while (performance.now() < end);
  console.log(JSON.stringify({ msg: 'was busy', busyMs: BUSY_MS }))
})
