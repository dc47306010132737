/**
 * The result of `work`, or an error naming `what` after `timeoutMs`: amqplib, for one, waits for ever on a broker that
 * hangs. The work itself goes on.
 */
export const bounded = async <T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    // Behind the poll: in a loop that was busy, a timer runs before the answer that has arrived is read.
    () => setImmediate(() => late.reject(new Error(`${what} took longer than ${timeoutMs} ms`))),
    timeoutMs
  )
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
