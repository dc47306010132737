/** Preloaded into a gateway: it does not wait for what it has in hand. */
process.prependListener('SIGTERM', () => process.exit(0))
