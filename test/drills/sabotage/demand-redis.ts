import { replaceModule } from './_replace.ts'

/** Preloaded into a worker: it cannot do without Redis. */
replaceModule(
  new URL('../../../shared/src/cache.ts', import.meta.url),
  new URL('_demanding-cache.ts', import.meta.url)
)
