import type { Output } from './output.ts'
import { renderProgress, renderProgressLine, type Progress } from './progress.ts'

/** How often a log is told how far a run is. */
const LINE_EVERY_MS = 5_000

/** A bar that is drawn over, or a line now and then; with --json only a terminal sees either. */
export const createProgressView = (out: Output, plain = false): ((progress: Progress) => void) => {
  let lastLineAt = Number.NEGATIVE_INFINITY
  return (progress) => {
    if (out.liveWidth !== undefined && !plain) {
      out.draw(renderProgress(progress, out.now, out.liveWidth))
    } else if (out.now.getTime() - lastLineAt >= LINE_EVERY_MS) {
      lastLineAt = out.now.getTime()
      out.note(renderProgressLine(progress, out.now))
    }
  }
}
