import {
  createAuthenticate as createRealAuthenticate,
  type Authenticate
} from '../../../gateway/src/auth/index.ts'

export { toAuthRefusal } from '../../../gateway/src/auth/index.ts'

/** As the real one, but it ends in a bug whose error quotes everything there is, as those of libraries do. */
export const createAuthenticate = (deps: Parameters<typeof createRealAuthenticate>[0]): Authenticate => {
  const authenticate = createRealAuthenticate(deps)
  return (request, source, nowMs) => {
    const answer = authenticate(request, source, nowMs)
    const quote = `${request.url} ${JSON.stringify(request.headers)} ${request.body.toString()}`
    const cause = new RangeError(`no such ${JSON.stringify(answer)}\n  at ${quote}`)
    throw Object.assign(new TypeError(`cannot read ${quote}`, { cause }), { input: quote })
  }
}
