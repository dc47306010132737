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
export const problemHeaders = ({ status, retryAfterSeconds, allow }: Refusal): Record<string, string> => ({
  'content-type': PROBLEM_TYPE,
  ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  ...(status === 401 ? { 'www-authenticate': 'Bearer realm="sluice"' } : {}),
  ...(allow === undefined ? {} : { allow })
})
