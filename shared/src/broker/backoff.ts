const MIN_MS = 100
const MAX_MS = 15_000
const STEP_MS = 200
const REFUSED_STEP_MS = 1_000

/**
 * How long to wait before connecting again. After an outage: full jitter between 0.1 s and a ceiling that doubles
 * from 0.2 s to 15 s, so that many processes do not return at once. After a refusal (`refusals` in a row): at least
 * half of 1, 2, 4, 8 s, because a topology that is about to be applied needs time, not attempts.
 */
export const backoffMs = (attempt: number, refusals: number, random: () => number = Math.random): number => {
  const refused = refusals > 0
  const ceiling = Math.min(
    MAX_MS,
    refused ? REFUSED_STEP_MS * 2 ** (refusals - 1) : STEP_MS * 2 ** Math.min(attempt, 16)
  )
  const floor = refused ? ceiling / 2 : MIN_MS
  return Math.round(floor + random() * (ceiling - floor))
}
