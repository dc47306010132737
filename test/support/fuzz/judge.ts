import type { FuzzAnswer, FuzzRequest } from './door.ts'
import type { Given } from './senders.ts'
import type { Attempt } from './surfaces.ts'

/** What is wrong about the answer to a request; `undefined` when nothing is. */
export const faultOf = (attempt: Attempt, answer: FuzzAnswer): string | undefined => {
  const { status, text } = answer
  if (status === 0) return 'it was not answered'
  if (status >= 500) return `it was answered ${status}: ${text}`
  if (status < 300) return acceptanceFault(attempt, answer)
  if (codeOf(text) === undefined) return `it was refused (${status}) without a code: ${text}`
  if (attempt.standing === 'control') return `it is what its sender sends, and was refused: ${status} ${text}`
  const isDoubted = attempt.standing === 'proven' && DOUBTS.has(status)
  return isDoubted ? `its sender is known, and was not believed: ${status} ${text}` : undefined
}

/** Answers to somebody who is not known. */
const DOUBTS: ReadonlySet<number> = new Set([401, 403, 429])

const acceptanceFault = ({ request, proofs }: Attempt, answer: FuzzAnswer): string | undefined => {
  const { envelopes } = answer
  if (envelopes.length > 0 && request.method !== 'POST') return 'it is no POST, and was taken for a delivery'
  const unreadable = envelopes.find(({ body }) => !isJson(body.toString('utf8')))
  if (unreadable !== undefined)
    return `a record that is not JSON was published: ${unreadable.body.toString('utf8')}`

  const source = envelopes[0]?.source ?? slugOf(request.path)
  const isProved = proofs.some(
    ({ sender, valid, body }) =>
      sender.slug === source &&
      sender.shows(toGiven(request), valid) &&
      (!sender.signsBody || request.body.equals(body))
  )
  return isProved ? undefined : `a forgery was accepted at ${source}: ${answer.status} ${answer.text}`
}

/** Where a request without records went. */
const slugOf = (path: string): string => {
  const slug = path.split('?', 1)[0]?.split('/')[2] ?? ''
  try {
    return decodeURIComponent(slug)
  } catch {
    return slug
  }
}

const toGiven = ({ path, headers }: FuzzRequest): Given => ({
  path,
  header: (name) => {
    const values = [headers[name] ?? []].flat().map((value) => value.replaceAll(/^[ \t]+|[ \t]+$/g, ''))
    return [...values, values.join(', ')]
  }
})

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Of a problem, for the figures too. */
export const codeOf = (text: string): string | undefined => /"code":"([A-Z_]+)"/.exec(text)?.[1]
