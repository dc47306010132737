import { REFUSALS, type Refusal, type RefusalCode } from './errors.ts'

/** RFC 9457 problem details, with our `code` and the id that is also in our log. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: RefusalCode
  requestId: string
  index?: number
  path?: string
  position?: { offset: number; line: number; column: number }
}

export const PROBLEM_TYPE = 'application/problem+json'

/** What the sender is told. Takes only what a refusal says on purpose: causes stay in our log. */
export const toProblem = (refusal: Refusal, requestId: string): Problem => ({
  type: `urn:sluice:problem:${refusal.code.toLowerCase().replaceAll('_', '-')}`,
  title: REFUSALS[refusal.code].title,
  status: refusal.status,
  detail: refusal.message,
  code: refusal.code,
  requestId,
  ...(refusal.index === undefined ? {} : { index: refusal.index }),
  ...(refusal.path === undefined ? {} : { path: refusal.path }),
  ...(refusal.position === undefined ? {} : { position: refusal.position })
})

/** Headers that belong to a refusal: when to come back, what to use instead. */
export const problemHeaders = ({
  code,
  status,
  retryAfterSeconds,
  allow
}: Refusal): Record<string, string> => ({
  'content-type': PROBLEM_TYPE,
  ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  ...(status === 401 ? { 'www-authenticate': CHALLENGES[code] ?? PASSWORD } : {}),
  ...(allow === undefined ? {} : { allow })
})

/** RFC 9110, 15.5.2. Clients that are not asked for a password by this name never send it. */
const PASSWORD = 'Basic realm="sluice", charset="UTF-8"'
const KEY = 'Bearer realm="sluice"'
const CHALLENGES: Partial<Readonly<Record<RefusalCode, string>>> = {
  API_KEY_MISSING: KEY,
  API_KEY_INVALID: KEY
}
