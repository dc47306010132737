import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from '../errors.ts'

/** How a body is written. */
export type BodyKind = 'json' | 'lines' | 'xml' | 'form'

export interface MediaType {
  kind: BodyKind
  /** In lower case; absent when the header does not say. */
  charset?: string
}

const KINDS: readonly (readonly [RegExp, BodyKind])[] = [
  [/^application\/(?:[a-z0-9.!#$&^_-]+\+)?json$/, 'json'],
  [/^application\/(?:x-)?(?:ndjson|jsonl|jsonlines)$/, 'lines'],
  [/^(?:text\/xml|application\/(?:[a-z0-9.!#$&^_-]+\+)?xml)$/, 'xml'],
  [/^application\/x-www-form-urlencoded$/, 'form']
]

const JSON_TYPE: MediaType = { kind: 'json' }

/**
 * What a body says it is; it is never guessed.
 * @throws Refusal CONTENT_TYPE_UNSUPPORTED
 */
export const mediaTypeOf = ({ 'content-type': written = '' }: IncomingHttpHeaders): MediaType => {
  if (written === 'application/json') return JSON_TYPE // as nearly everybody writes it
  const [type = '', ...parameters] = written.split(';').map((part) => part.trim().toLowerCase())
  const kind = KINDS.find(([pattern]) => pattern.test(type))?.[1]
  if (kind === undefined) {
    throw new Refusal(
      'CONTENT_TYPE_UNSUPPORTED',
      'Send JSON, with the header Content-Type: application/json; NDJSON, XML and forms are read as well.'
    )
  }
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length)
  return { kind, ...(charset === undefined ? {} : { charset: charset.replaceAll('"', '') }) }
}
