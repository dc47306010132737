/** The most rows in a batch. */
export const MAX_ROWS = 200

/**
 * How many rows the next batch may have, after one of which the broker confirmed some in time and was silent about
 * others: twice as many while it is never silent, else half of what it confirmed. What it is silent about arrives all the
 * same and is sent again: a slow broker that was always given the most would mostly be given what it has. Pure.
 */
export const nextPace = (
  pace: number,
  { confirmed, silent }: { confirmed: number; silent: number }
): number => {
  if (silent > 0) return Math.max(1, Math.floor(confirmed / 2))
  return confirmed > 0 ? Math.min(MAX_ROWS, pace * 2) : pace
}
