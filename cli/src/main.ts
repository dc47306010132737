import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Half of a short command's time goes into reading our own sources. What was read is remembered in a folder of ours
// (a shared one could be written by others); where it cannot be written nothing is remembered and nothing is said.
enableCompileCache(fileURLToPath(new URL('../../.sluice/compile-cache', import.meta.url)))

await import('./run.ts')
