import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../errors.ts'
import { METHOD_NOT_ALLOWED_SCHEMA } from '../schemas.ts'

/**
 * Answers every method an address does not know with 405 and, in `Allow`, those it does (RFC 9110, 15.5.6). To be called
 * before the routes are registered; what it returns, after.
 */
export const refuseOtherMethods = (app: FastifyInstance): (() => void) => {
  // Those only Node knows; with a body, so that one is read away before the answer. CONNECT never becomes a request.
  for (const method of METHODS) {
    const isKnown = method === 'CONNECT' || app.supportedMethods.includes(method)
    if (!isKnown) app.addHttpMethod(method, { hasBody: true })
  }
  const allowed = new Map<string, Set<string>>()
  let isOver = false
  app.addHook('onRoute', ({ url, method }) => {
    if (isOver) return
    const methods = allowed.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    allowed.set(url, methods)
  })
  return () => {
    isOver = true
    for (const [url, methods] of allowed) {
      const known = [...methods].toSorted()
      const allow = known.join(', ')
      const answered = `${known.join(' and ')} ${known.length === 1 ? 'is' : 'are'}`
      app.route({
        method: app.supportedMethods.filter((method) => !methods.has(method)),
        url,
        schema: METHOD_NOT_ALLOWED_SCHEMA,
        handler: () => {
          throw new Refusal('METHOD_NOT_ALLOWED', `Only ${answered} answered at this address.`, { allow })
        }
      })
    }
  }
}
