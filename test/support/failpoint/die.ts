/** Where a worker can be made to die, in the order in which a message passes. */
export const FAILPOINTS = [
  'after-read',
  'before-commit',
  'after-commit',
  'after-retry-confirm',
  'after-bury-confirm',
  'before-ack',
  'between-acks'
] as const
export type Failpoint = (typeof FAILPOINTS)[number]

/** Ends this process as a power cut would, if this is the place. */
export const dieAt = (place: Failpoint): void => {
  if (process.env['DRILL_FAILPOINT'] === place) process.kill(process.pid, 'SIGKILL')
}
