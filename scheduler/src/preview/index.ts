/** What the next run of a feed would do. */
export { loadPreviewConfig, type PreviewConfig } from './config.ts'
export type { PreviewChange, PreviewRejection } from './judge.ts'
export { previewFeed, type PreviewProgress } from './preview.ts'
export type { Preview } from './rehearse.ts'
