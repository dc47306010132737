// `sluice …` begins here. Plain JavaScript, because Node would load its TypeScript compiler for this file alone, every
// time and before anything of it could be remembered.
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

const OLDEST_NODE = 24

const { node } = process.versions
if (Number(node.split('.')[0]) < OLDEST_NODE) {
  process.stderr.write(
    `sluice: needs Node ${OLDEST_NODE} or newer, this is ${node}. Use \`npm run sluice -- …\`, which brings its own. (NODE_TOO_OLD)\n`
  )
  process.exit(1)
}

// Half of a short command's time goes into reading our own sources. What was read is remembered in a folder of ours
// (a shared one could be written by others); where it cannot be written nothing is remembered and nothing is said.
module.enableCompileCache(fileURLToPath(new URL('../../.sluice/compile-cache', import.meta.url)))

// Prisma's query compiler is WebAssembly, and V8 compiles its busy functions once more to make them faster. A command
// ends before that pays: it took a quarter of its time.
setFlagsFromString('--wasm-tiering-budget=1000000000')

await import('./run.ts')
