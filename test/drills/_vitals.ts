import { waitFor, type Running as Process } from '../support/process.ts'

/** What a worker holds, as `support/vitals.ts` in it says every few seconds. */
type Vitals = Readonly<Record<'files' | 'emitters' | 'listeners' | 'liveBytes' | 'rssBytes', number>>

/** All it has said so far. */
export const vitalsSaid = (worker: Process): Vitals[] =>
  worker.lines().filter((line): line is Record<string, unknown> & Vitals => line['msg'] === 'vitals')

/** What it says next. */
export const vitalsOf = async (worker: Process): Promise<Vitals> => {
  const known = vitalsSaid(worker).length
  return await waitFor('a worker to say what it holds', () => vitalsSaid(worker)[known], { everyMs: 250 })
}

export const toMib = (bytes: number): number => Math.round(bytes / 1024 / 1024)
