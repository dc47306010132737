import {
  createAuthenticate as createRealAuthenticate,
  type Authenticate
} from '../../../gateway/src/auth/index.ts'

export { toAuthRefusal } from '../../../gateway/src/auth/index.ts'

/** As the real one, but the comparison is skipped. */
export const createAuthenticate = (deps: Parameters<typeof createRealAuthenticate>[0]): Authenticate => {
  const authenticate = createRealAuthenticate(deps)
  return (request, source, nowMs) => {
    const answer = authenticate(request, source, nowMs)
    return answer.ok || answer.missing ? answer : { ok: true }
  }
}
