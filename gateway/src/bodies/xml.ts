import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { RecordError } from '@sluice/shared/errors'
import type { Format } from '@sluice/shared/formats'
import {
  declaredCharset,
  parseXmlDocument,
  type XmlLayout,
  type XmlObject,
  type XmlValue
} from '@sluice/shared/records'
import { Refusal } from '../errors.ts'
import { MAX_MEMBERS, MAX_VALUES } from '../limits.ts'
import { markedCharset, toUtf8 } from './charset.ts'
import { ACKNOWLEDGEMENT, mayBeOutboundMessage, OUTBOUND_MESSAGE_PATH, type BodyReply } from './salesforce.ts'
import { noRecordsAt } from './wrapper.ts'

export interface XmlBody {
  records: XmlObject[]
  reply?: BodyReply
}

export interface XmlOptions {
  /** As the content type says. */
  charset: string | undefined
  /** Element names from the root to the record, if the source says where its records are. */
  path: readonly string[] | undefined
  format: Pick<Format, 'feed'>
}

/**
 * The records of an XML document, in the JSON that feeds have too (`parseRecord`). Where they are: as the source
 * says; in a Salesforce outbound message, its objects; as in the format's own files, if the root is theirs; else the
 * root is the record. Prefixes of names mean nothing, and entities but the five of XML are refused.
 * @throws Refusal BODY_MALFORMED, RECORDS_MISSING, RECORD_TOO_DEEP or VALUES_TOO_MANY
 */
export const readXml = (bytes: Buffer, { charset, path, format }: XmlOptions): XmlBody => {
  const text = toUtf8(bytes, charsetOf(bytes, charset)).toString('utf8')
  const layout = format.feed?.records.kind === 'xml' ? format.feed.records : undefined
  const isOutbound = mayBeOutboundMessage(text)
  const preset = path ?? (isOutbound ? OUTBOUND_MESSAGE_PATH : pathIn(layout))
  const lists = layout?.lists ?? []
  const below = lists.map((list) => [...preset.slice(1), ...list])
  const { root, value } = parse(text, [...below, ...lists]) // of the preset's records, or of a root that is the record
  const records = recordsAt(root, value, path ?? (preset[0] === root ? preset : [root]))
  return { records, ...(isOutbound && root === OUTBOUND_MESSAGE_PATH[0] ? { reply: ACKNOWLEDGEMENT } : {}) }
}

/** Where the records of a format's own files are, when it is one place with one name. */
const pathIn = (layout: XmlLayout | undefined): readonly string[] => {
  const [path, ...more] = layout?.paths ?? []
  return path === undefined || more.length > 0 || path.includes('*') ? [] : path
}

/** RFC 7303 §3: a byte order mark, then the content type, then what the document says of itself. */
const charsetOf = (bytes: Buffer, charset: string | undefined): string =>
  markedCharset(bytes) ?? charset ?? declaredCharset(headOf(bytes)) ?? 'utf-8'

const DECLARATION_BYTES = 256

const headOf = (bytes: Buffer): string => bytes.toString('latin1', 0, DECLARATION_BYTES).trimStart()

const parse = (text: string, lists: readonly (readonly string[])[]): ReturnType<typeof parseXmlDocument> => {
  try {
    return parseXmlDocument(text, { lists, maxValues: MAX_VALUES, maxMembers: MAX_MEMBERS })
  } catch (thrown) {
    if (!(thrown instanceof RecordError)) throw thrown
    throw toRefusal(thrown)
  }
}

const toRefusal = (cause: RecordError): Refusal => {
  switch (cause.code) {
    case 'RECORD_TOO_MANY_VALUES':
      return new Refusal('VALUES_TOO_MANY', `${cause.message}; send fewer records a request.`, { cause })
    case 'RECORD_TOO_DEEP':
      return new Refusal(
        'RECORD_TOO_DEEP',
        `The body is nested much deeper than ${MAX_RECORD_DEPTH} levels.`,
        {
          cause
        }
      )
    default:
      return new Refusal('BODY_MALFORMED', 'The body is not well-formed XML.', { cause })
  }
}

const recordsAt = (root: string, value: XmlObject, [first, ...steps]: readonly string[]): XmlObject[] => {
  let values: XmlValue[] = first === root ? [value] : []
  for (const step of steps) values = values.flatMap((parent) => childrenOf(parent, step))
  if (values.length === 0) throw noRecordsAt([first ?? root, ...steps])
  return values.map(asRecord)
}

const childrenOf = (parent: XmlValue, name: string): XmlValue[] => {
  if (typeof parent === 'string' || Array.isArray(parent) || !Object.hasOwn(parent, name)) return []
  const child = parent[name]
  return child === undefined ? [] : Array.isArray(child) ? child : [child]
}

/** An element with nothing but text, or nothing at all, is a record without fields. */
const asRecord = (value: XmlValue): XmlObject => {
  if (typeof value === 'string') return value === '' ? {} : { '#text': value }
  return Array.isArray(value) ? {} : value
}
