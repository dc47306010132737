import { createHash } from 'node:crypto'
import {
  createAuthenticate as createRealAuthenticate,
  type Authenticate
} from '../../../gateway/src/auth/index.ts'

export { toAuthRefusal } from '../../../gateway/src/auth/index.ts'

/** As the real one, but the body is the id of the event. */
export const createAuthenticate = (deps: Parameters<typeof createRealAuthenticate>[0]): Authenticate => {
  const authenticate = createRealAuthenticate(deps)
  return (request, source, nowMs) => {
    const answer = authenticate(request, source, nowMs)
    const eventId = createHash('sha256').update(request.body).digest('hex')
    return answer.ok ? { ...answer, eventId } : answer
  }
}
