import { parseJson } from '../../../shared/src/json.ts'
import type { Envelope } from '../../../shared/src/envelope.ts'

export * from '../../../shared/src/envelope.ts'

/** As the real one, but what cannot be read is guessed. */
export const recordOf = ({ body }: Envelope): unknown => {
  try {
    return parseJson(body.toString('utf8'))
  } catch {
    return {}
  }
}
