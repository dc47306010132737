export type TimestampUnit = 'seconds' | 'milliseconds'

/**
 * Exactly as many digits as a time of our days has. More than tidiness: where timestamp and body are signed one after
 * the other without anything between, a longer or shorter one would move the border.
 */
const PATTERNS: Readonly<Record<TimestampUnit, RegExp>> = {
  seconds: /^[1-9]\d{9}$/,
  milliseconds: /^[1-9]\d{12}$/
}

/** Why a signature's own time does not count now; `undefined` when it does. Both ends of the tolerance count. */
export const timestampProblem = (
  text: string | undefined,
  { unit, toleranceSeconds }: { unit: TimestampUnit; toleranceSeconds: number },
  nowMs: number
): string | undefined => {
  if (text === undefined || text === '') return 'no timestamp'
  if (!PATTERNS[unit].test(text)) return `the timestamp is not one in ${unit}`
  const [now, tolerance] =
    unit === 'seconds' ? [Math.floor(nowMs / 1_000), toleranceSeconds] : [nowMs, toleranceSeconds * 1_000]
  if (now - Number(text) > tolerance) return 'the timestamp is too old'
  return Number(text) - now > tolerance ? 'the timestamp is too far ahead' : undefined
}
