/** What a program has opened, and closes at its end, however that comes. */
export interface Closing {
  /** What was added last is closed first; what is added while others are being closed, with them. */
  add: (close: () => unknown) => void
  /** Closes everything, and returns what went wrong. One that is not closed within `eachMs` is left. */
  close: (eachMs: number) => Promise<string[]>
}

export const createClosing = (): Closing => {
  const open: (() => unknown)[] = []
  let closing: Promise<string[]> | undefined
  const closeAll = async (eachMs: number): Promise<string[]> => {
    const problems: string[] = []
    for (let close = open.pop(); close !== undefined; close = open.pop())
      await within(eachMs, close).catch((error: unknown) => problems.push(String(error)))
    return problems
  }
  return {
    add: (close) => void open.push(close),
    close: (eachMs) => {
      closing ??= closeAll(eachMs).finally(() => {
        closing = undefined
      })
      return closing
    }
  }
}

const within = async (ms: number, close: () => unknown): Promise<void> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`not closed after ${ms} ms`)), ms)
  try {
    await Promise.race([close(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Longer than a service needs to end that is told to. */
const INTERRUPTED_MS = 20_000

/** As a shell tells of them; SIGHUP is a terminal that was closed. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/**
 * From now on SIGHUP, SIGINT, SIGTERM and an error nobody caught close everything before they end this process. The
 * signal that is returned aborts as soon as that begins: what runs meanwhile finds its services gone.
 */
export const closeWhenInterrupted = ({ close }: Closing): AbortSignal => {
  const interruption = new AbortController()
  const end = (why: string, code: number): void => {
    if (interruption.signal.aborted) return // Ctrl-C comes twice, from the terminal and from whoever started us
    interruption.abort()
    console.error(`\n${why}: closing what was opened`)
    void close(INTERRUPTED_MS).then((problems) => {
      for (const problem of problems) console.error(`cleaning up: ${problem.split('\n')[0]}`)
      process.exit(code)
    })
  }
  for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => end(signal, code))
  process.on('uncaughtException', (error) => end(error.stack ?? error.message, 1))
  return interruption.signal
}

/** Never resolves once the process is on its way out: whoever waits for this goes no further. */
export const uninterrupted = async (interruption: AbortSignal): Promise<void> => {
  if (interruption.aborted) await new Promise(() => undefined)
}
