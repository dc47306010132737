/** One line a step: what is happening while it takes long, then how it went and how long it took. */

const isTerminal = process.stdout.isTTY
const colour = (code: number) => (text: string) => (isTerminal ? `\u001B[${code}m${text}\u001B[0m` : text)

export const bold = colour(1)
export const dim = colour(2)
export const red = colour(31)
export const green = colour(32)

const WIDTH = 96
const NAME_WIDTH = 16
const TICK_MS = 250
/** Without a terminal nobody sees a line being rewritten: a step says it is alive every few seconds instead. */
const HEARTBEAT_MS = 10_000

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export interface Step {
  /** What it is doing now. */
  note: (text: string) => void
}

/** Runs `work` as a named step; the text it returns is printed behind the name. Errors pass through. */
export const step = async <T>(
  name: string,
  work: (step: Step) => Promise<T>,
  say: (result: T) => string = () => ''
): Promise<T> => {
  const startedAt = Date.now()
  let note = ''
  let saidAt = startedAt
  const label = name.padEnd(NAME_WIDTH)
  const show = (): void => {
    const took = Date.now() - startedAt
    if (isTerminal) {
      process.stdout.write(`\r\u001B[K  · ${label} ${dim(`${note} ${seconds(took)}`.slice(0, WIDTH))}`)
    } else if (Date.now() - saidAt > HEARTBEAT_MS) {
      saidAt = Date.now()
      process.stdout.write(`  · ${label} ${note} (${seconds(took)})\n`)
    }
  }
  const timer = setInterval(show, TICK_MS)
  const end = (mark: string, text: string): void => {
    clearInterval(timer)
    const took = dim(seconds(Date.now() - startedAt))
    process.stdout.write(
      `${isTerminal ? '\r\u001B[K' : ''}  ${mark} ${label} ${text}${text ? '  ' : ''}${took}\n`
    )
  }
  try {
    const result = await work({ note: (text) => (note = text) })
    end(green('✓'), say(result))
    return result
  } catch (error) {
    end(red('✗'), 'failed')
    throw error
  }
}
