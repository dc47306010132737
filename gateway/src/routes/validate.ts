import type { FastifyInstance } from 'fastify'
import type { Logger } from '@sluice/shared/log'
import type { Admit, DoorRoute } from '../admit.ts'
import { readBody } from '../bodies/index.ts'
import { receivableFormat, type FindFormat } from '../receivable-format.ts'
import '../request-facts.ts'
import { VALIDATE_SCHEMA } from '../schemas.ts'
import { toVerdicts, type Verdict } from '../verdicts.ts'

export interface ValidateDeps {
  admit: Admit
  findFormat: FindFormat
  log: Logger
}

interface Validation {
  records: number
  valid: number
  verdicts: Verdict[]
}

/**
 * `POST /webhooks/:source/validate`: a delivery that changes nothing. The sender, its quota and its body are judged as
 * for a real one, the records as the worker would; paused or not, broker or not.
 */
export const registerValidate = (app: FastifyInstance, { admit, findFormat, log }: ValidateDeps): void => {
  app.post<DoorRoute>(
    '/webhooks/:source/validate',
    { schema: VALIDATE_SCHEMA },
    async (request, reply): Promise<Validation> => {
      const { headers, body = Buffer.alloc(0), facts } = request
      facts.bytes = body.length
      const { source } = await admit(request, reply)
      const format = receivableFormat(source, findFormat, log)
      const { records } = readBody({ headers, body }, source, format)
      facts.records = records.length
      const verdicts = await toVerdicts(records, format, source.timeZone)
      facts.outcome = 'validated'
      reply.header('cache-control', 'no-store')
      return { records: verdicts.length, valid: verdicts.filter(({ valid }) => valid).length, verdicts }
    }
  )
}
