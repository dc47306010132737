import { readFile } from 'node:fs/promises'

/**
 * Largest resident set of a process so far. Linux counts it a program; elsewhere it is known of this process alone, and
 * may include what stood in it before.
 */
export const peakMb = async (pid: number = process.pid): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '') // another system
  const own = pid === process.pid ? process.resourceUsage().maxRSS : Number.NaN
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? own) / 1024
}
