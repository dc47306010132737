import type { Output } from './output.ts'
import { counted, formatCount, truncate } from './text.ts'
import { formatDuration } from './when.ts'

/** How far a command is that sends many messages, one chunk after another. */
export interface Sending {
  /** What was done to them: `replayed`. */
  verb: string
  sent: number
  of: number
  /** Could not be sent, and never will be. */
  failed: number
}

/** How often a log is told. */
const LINE_EVERY_MS = 5_000

const renderSending = ({ verb, sent, of, failed }: Sending, elapsedMs: number): string =>
  [
    `${verb} ${formatCount(sent)} of ${formatCount(of)}`,
    ...(failed > 0 ? [counted(failed, 'failure')] : []),
    ...(elapsedMs > 0 ? [`${formatCount(Math.round((sent / elapsedMs) * 1_000))}/s`] : []),
    formatDuration(elapsedMs)
  ].join(' · ')

/** Says it: one line drawn over and over on a terminal, a line now and then elsewhere. */
export const createSendingView = (out: Output): ((sending: Sending) => void) => {
  const startedAt = out.now.getTime()
  let lastLineAt = startedAt
  return (sending) => {
    const now = out.now.getTime()
    const line = renderSending(sending, now - startedAt)
    if (out.liveWidth !== undefined) {
      out.draw(truncate(line, out.liveWidth - 1))
    } else if (now - lastLineAt >= LINE_EVERY_MS) {
      lastLineAt = now
      out.note(line)
    }
  }
}
