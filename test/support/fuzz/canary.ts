/** Preloaded into the gateway: ends it when a body has changed the prototype of all objects. */
setInterval(() => {
  if (!('polluted' in {})) return
  console.error('the prototype of all objects was changed')
  process.exit(70)
}, 100).unref()
