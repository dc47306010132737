import {
  endReading as endReadingReally,
  finishRun as finishRunReally,
  saveProgress as saveReally
} from '../../../prisma/src/tables/feed-runs.ts'

export * from '../../../prisma/src/tables/feed-runs.ts'

/** As the real ones, but a run is told that it is still its own, whoever has taken over. */
export const saveProgress: typeof saveReally = async (...asked) => (await saveReally(...asked)) || true
export const endReading: typeof endReadingReally = async (...asked) =>
  (await endReadingReally(...asked)) || true
export const finishRun: typeof finishRunReally = async (...asked) => (await finishRunReally(...asked)) || true
