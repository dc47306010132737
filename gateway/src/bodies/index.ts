import type { IncomingHttpHeaders } from 'node:http'
import { encodeUtf8 } from '@sluice/shared/encode-utf8'
import type { Format } from '@sluice/shared/formats'
import { Refusal } from '../errors.ts'
import { MAX_RECORDS } from '../limits.ts'
import { markedCharset, toUtf8 } from './charset.ts'
import { readForm } from './form.ts'
import { inflate } from './inflate.ts'
import { readJson, readJsonLines } from './json.ts'
import { mediaTypeOf, type MediaType } from './media-type.ts'
import { toRecord, type FoundRecord, type RecordPaths, type SplitRecord } from './record.ts'
import type { BodyReply } from './salesforce.ts'
import { valuesAt } from './wrapper.ts'
import { readXml } from './xml.ts'

export type { SplitRecord } from './record.ts'
export type { BodyReply } from './salesforce.ts'

/** What of a request its body is read by. */
export interface BodyRequest {
  headers: IncomingHttpHeaders
  /** As it came: compressed, in its own charset. */
  body: Buffer
}

/** What of a source a body is read by. */
export interface BodySource {
  /** IANA zone of wall-clock dates. */
  timeZone: string
  /** Steps to the records inside a wrapper, for XML from the root; absent: the body is the records. */
  recordsPath?: readonly string[] | undefined
}

/** What of a format a body is read by. */
export type BodyFormat = RecordPaths & Pick<Format, 'feed'>

export interface ReadBody {
  /** At least one. */
  records: SplitRecord[]
  reply?: BodyReply
}

/**
 * The records of a request's body, each as JSON. All or nothing. Pure, and bounded by the limits in `limits.ts`.
 * @throws Refusal naming what is wrong, where, and what to do.
 */
export const readBody = (
  { headers, body }: BodyRequest,
  source: BodySource,
  format: BodyFormat
): ReadBody => {
  const type = mediaTypeOf(headers)
  const bytes = inflate(body, headers['content-encoding'])
  if (bytes.length === 0) throw new Refusal('BODY_MALFORMED', 'The body is empty; send at least one record.')
  try {
    return recordsOf(bytes, type, source, format)
  } catch (thrown) {
    if (thrown instanceof Refusal && isJsonReadAsForm(bytes, type)) thrown.message += ` ${FORM_HINT}`
    throw thrown
  }
}

const recordsOf = (bytes: Buffer, type: MediaType, source: BodySource, format: BodyFormat): ReadBody => {
  const { records: found, reply } = readRecords(bytes, type, source.recordsPath, format)
  if (found.length === 0) throw new Refusal('RECORDS_MISSING', 'The list is empty; send at least one record.')
  if (found.length > MAX_RECORDS) {
    throw new Refusal(
      'RECORDS_TOO_MANY',
      `The body holds more than ${MAX_RECORDS} records; send fewer in one request.`
    )
  }
  const records = found.map((record, index) => toRecord(record, index, format, source.timeZone))
  return { records, ...(reply === undefined ? {} : { reply }) }
}

/** What curl sends unless told: a form is never guessed to be JSON, but its sender is told what we took it for. */
const isJsonReadAsForm = (bytes: Buffer, { kind }: MediaType): boolean =>
  kind === 'form' && /^\s*[[{]/.test(bytes.subarray(0, 100).toString('latin1'))

const FORM_HINT = 'The body was read as a form, as its Content-Type says; send application/json for JSON.'

interface Found {
  records: FoundRecord[]
  reply?: BodyReply
}

const readRecords = (
  bytes: Buffer,
  { kind, charset }: MediaType,
  path: readonly string[] | undefined,
  format: BodyFormat
): Found => {
  switch (kind) {
    case 'json':
      return { records: readJson(toUtf8(bytes, markedCharset(bytes) ?? charset), path ?? []) }
    case 'lines':
      return { records: readJsonLines(toUtf8(bytes, markedCharset(bytes) ?? charset), path ?? []) }
    case 'form':
      return { records: valuesAt(readForm(bytes, charset), path ?? []).map(asJson) }
    case 'xml': {
      const { records, ...rest } = readXml(bytes, { charset, path, format })
      return { records: records.map(asJson), ...rest }
    }
  }
}

const asJson = (value: unknown): FoundRecord => ({
  value,
  bytes: encodeUtf8(JSON.stringify(value)),
  depth: depthOf(value)
})

const depthOf = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0
  let deepest = 0
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner))
  return deepest + 1
}
