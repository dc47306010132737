import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { FuzzAnswer, FuzzDoor, FuzzRequest } from './fuzz-door.ts'

/** What is mutated: whose proof, everything around a valid one, or what a known sender sends. */
export const SURFACES = ['signatures', 'headers', 'bodies'] as const
export type Surface = (typeof SURFACES)[number]

export interface FuzzReport {
  runs: number
  /** How many answers had each status. */
  statuses: Record<number, number>
}

const OFFER = '{"id":"A-1","transaction":"sale","price":{"amount":1234567890123456789.10,"currency":"EUR"}}'
/** Bodies the gateway reads, and their types. */
const CORPUS: readonly (readonly [string, string])[] = [
  ['application/json', OFFER],
  ['application/json', `[${OFFER},{"id":2}]`],
  [
    'application/json',
    '{"id":"p","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
  ],
  ['application/x-ndjson', `${OFFER}\n{"id":"B"}\n`],
  [
    'application/xml',
    '<?xml version="1.0" encoding="windows-1251"?><offer><id>X</id><t a="1">&amp;</t></offer>'
  ],
  ['text/xml', '<!DOCTYPE a [<!ENTITY b "c">]><offer><id>&b;</id></offer>'],
  [
    'application/soap+xml',
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><Notification><Id>1</Id><sObject><id>9</id></sObject></Notification></notifications></s:Body></s:Envelope>'
  ],
  [
    'application/x-www-form-urlencoded',
    'id=7&data[FIELDS][ID]=7&data[a][]=1&data[a][]=2&__proto__[polluted]=1'
  ],
  ['text/plain', 'id']
]
const HOSTILE = [
  '', '\0', '\ufeff', '\u2028', '🏠', '"', '{', '}', '[', ']'.repeat(200), '['.repeat(200), '<a>', '&', '%00', '=',
  '__proto__', 'constructor', '"__proto__":{"polluted":1},', '1e999', '-0', '123456789012345678901234567890', 'NaN',
  '<!ENTITY x SYSTEM "file:///etc/passwd">', '\r\n', 'v1,', 'v1=', ',', '.', ':', ' '
] // prettier-ignore
const HEADERS = [
  'content-type', 'content-encoding', 'transfer-encoding', 'traceparent', 'x-forwarded-for', 'authorization',
  'x-api-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature', 'x-signature', 'accept', 'host', 'expect',
  'x-http-method-override', 'content-language', 'cookie'
] // prettier-ignore
const VALUES = [
  'application/json', 'application/json; charset=utf-16', 'text/xml; charset=windows-1251', 'a/b; charset=nonsense',
  'multipart/form-data; boundary=x', 'gzip', 'deflate', 'br', 'gzip, gzip', 'identity', 'Basic', 'Bearer x',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '127.0.0.1', '\u00ff', ';', '='
] // prettier-ignore

/** How one string or body is damaged; places are shares of its length. */
type Damage =
  | { kind: 'flip' | 'cut' | 'drop'; at: number; bits: number }
  | { kind: 'insert'; at: number; text: string }
  | { kind: 'replace'; text: string }
  | { kind: 'double' | 'case' }

const place = fc.double({ min: 0, max: 0.999_999, noNaN: true })
const anyText = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 60, unit: 'binary' }))
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('flip' as const, 'cut' as const, 'drop' as const),
    at: place,
    bits: fc.integer({ min: 1, max: 255 })
  }),
  fc.record({ kind: fc.constant('insert' as const), at: place, text: anyText }),
  fc.record({ kind: fc.constant('replace' as const), text: anyText }),
  fc.record({ kind: fc.constantFrom('double' as const, 'case' as const) })
)

const damaged = (bytes: Buffer, how: Damage): Buffer => {
  const at = 'at' in how ? Math.floor(how.at * bytes.length) : 0
  switch (how.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ how.bits
      return copy
    }
    case 'cut':
      return bytes.subarray(0, at)
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(how.text), bytes.subarray(at)])
    case 'replace':
      return Buffer.from(how.text)
    case 'double':
      return Buffer.concat([bytes, bytes])
    case 'case':
      return Buffer.from(bytes.toString('latin1').toUpperCase(), 'latin1')
  }
}

/** As a header carries it: Node refuses to send line breaks, so nobody can. */
const asHeader = (bytes: Buffer): string =>
  bytes.toString('latin1').replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '')

/** A valid request of one sender, damaged where its proof is. */
const signatures = (door: FuzzDoor): fc.Arbitrary<() => Promise<unknown>> =>
  fc
    .record({
      who: fc.nat(door.senders.length - 1),
      where: fc.nat(7),
      how: damage,
      move: fc.constantFrom('damage', 'damage', 'body', 'resend', 'drop', 'list', 'other'),
      other: fc.nat(door.senders.length - 2)
    })
    .map(({ who, where, how, move, other }) => async () => {
      const known = door.senders[who] ?? fail()
      const stranger = door.senders[(who + 1 + other) % door.senders.length] ?? fail()
      const body = Buffer.from(OFFER)
      const valid = known.sender.headersOf(body, known.path)
      const request: FuzzRequest = {
        path: known.path,
        headers: { 'content-type': 'application/json', ...valid },
        body
      }
      const names = Object.keys(valid)
      const name = names[where % names.length]
      const value = Buffer.from(name === undefined ? '' : (valid[name] ?? ''), 'latin1')
      if (move === 'body') request.body = damaged(body, how)
      else if (move === 'resend') {
        request.path = stranger.path // what one sender has proved proves nothing to another's source
      } else if (move === 'other') request.headers = stranger.sender.headersOf(body, '')
      else if (name === undefined)
        request.path = asHeader(damaged(Buffer.from(known.path), how)).replaceAll(' ', '')
      else if (move === 'drop') delete request.headers[name]
      else if (move === 'list') request.headers[name] = [asHeader(damaged(value, how)), asHeader(value)]
      else request.headers[name] = asHeader(damaged(value, how))
      if (!request.path.startsWith('/')) request.path = `/${request.path}`

      const answer = await door.send(request)
      judge(answer)
      if (answer.status >= 300) return answer.status
      const [envelope] = answer.envelopes
      if (envelope === undefined) return answer.status
      const owner = door.senders.find(({ path }) => pathOf(path).endsWith(`/${envelope.source}`)) ?? fail()
      const isOwn = owner === known
      // A key is all there is to show, so who shows it may say anything.
      const essentials = owner.sender.essentialsOf(isOwn ? valid : owner.sender.headersOf(body, owner.path))
      for (const [header, needle] of Object.entries(essentials)) {
        const given = header === '' ? request.path : [request.headers[header] ?? ''].flat().join(', ')
        if (!given.toLowerCase().includes(needle.toLowerCase()))
          fail(`a forgery was accepted: ${header} is "${given}"`)
      }
      if (owner.sender.signsBody && !request.body.equals(body)) fail('a body nobody signed was accepted')
      return answer.status
    })

/** A known sender, with everything around its proof damaged. */
const headers = (door: FuzzDoor): fc.Arbitrary<() => Promise<unknown>> =>
  fc
    .record({
      more: fc.dictionary(
        fc.oneof(fc.constantFrom(...HEADERS), fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)),
        fc.oneof(fc.constantFrom(...VALUES), anyText),
        { maxKeys: 6, noNullPrototype: true }
      ),
      method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
      tail: fc.oneof(
        { weight: 5, arbitrary: fc.constant('') },
        fc.constantFrom('/validate', '/deliveries/x', '/../health', '?a=%', '%2e%2e', '/', '//', '?key[]=1'),
        fc.webPath({ size: 'small' })
      ),
      body: fc.constantFrom(...CORPUS)
    })
    .map(({ more, method, tail, body: [type, text] }) => async () => {
      const known = door.senders[0] ?? fail()
      const body = Buffer.from(text)
      const given = Object.entries(more).map(([name, value]) => [name, asHeader(Buffer.from(value))] as const)
      const request: FuzzRequest = {
        method,
        path: `${known.path}${tail}`,
        headers: {
          'content-type': type,
          ...known.sender.headersOf(body, known.path),
          ...Object.fromEntries(given)
        },
        body
      }
      const answer = await door.send(request)
      judge(answer)
      if (answer.envelopes.length > 0 && method !== 'POST') fail(`${method} was taken for a delivery`)
      return answer.status
    })

/** A known sender, whose bodies are damaged, compressed and called something else. */
const bodies = (door: FuzzDoor): fc.Arbitrary<() => Promise<unknown>> =>
  fc
    .record({
      body: fc.constantFrom(...CORPUS),
      type: fc.option(fc.constantFrom(...CORPUS.map(([type]) => type), ...VALUES), { freq: 3 }),
      how: fc.array(damage, { maxLength: 3 }),
      packed: fc.constantFrom('', '', '', 'gzip', 'deflate'),
      damagePacked: fc.option(damage, { freq: 3 })
    })
    .map(({ body: [usual, text], type, how, packed, damagePacked }) => async () => {
      const known = door.senders[3] ?? fail() // signed: the proof is over the bytes as they come
      let body = how.reduce(damaged, Buffer.from(text))
      if (packed !== '')
        body = packed === 'gzip' ? gzipSync(body, { level: 1 }) : deflateSync(body, { level: 1 })
      if (packed !== '' && damagePacked !== null) body = damaged(body, damagePacked)
      const answer = await door.send({
        path: known.path,
        headers: {
          'content-type': asHeader(Buffer.from(type ?? usual)),
          ...(packed === '' ? {} : { 'content-encoding': packed }),
          ...known.sender.headersOf(body, known.path)
        },
        body
      })
      judge(answer)
      if (answer.status === 401) fail('a sender was not believed')
      return answer.status
    })

/** What holds for every answer, whatever was sent. */
const judge = ({ status, text, envelopes }: FuzzAnswer): void => {
  if (status >= 500) fail(`answered ${status}: ${text}`)
  if (status >= 300 && !(JSON.parse(text) as { code?: string }).code)
    fail(`a problem without a code: ${text}`)
  if (status >= 300 && envelopes.length > 0) fail(`published, and answered ${status}`)
  for (const { body, externalId } of envelopes) {
    JSON.parse(body.toString('utf8'))
    if (externalId === '') fail('a record without an id was published')
  }
  if ('polluted' in {}) fail('the prototype of all objects was changed')
}

const fail = (why = 'there is no such sender'): never => {
  throw new Error(why)
}

const pathOf = (url: string): string => url.split('?', 1)[0] ?? ''

const REQUESTS = { signatures, headers, bodies } as const
/** fast-check keeps track of a property's runs: many small properties, each with a seed of its own, are as good as one. */
const AT_ONCE = 10_000

/** @throws naming the request, and the seed that brings it again */
export const fuzz = async (
  door: FuzzDoor,
  surface: Surface,
  runs: number,
  { seed = 1, say = () => undefined }: { seed?: number; say?: (runs: number) => void } = {}
): Promise<FuzzReport> => {
  const statuses: Record<number, number> = {}
  for (let done = 0; done < runs; done += AT_ONCE) {
    const numRuns = Math.min(AT_ONCE, runs - done)
    const property = fc.asyncProperty(REQUESTS[surface](door), async (attempt) => {
      const status = (await attempt()) as number
      statuses[status] = (statuses[status] ?? 0) + 1
    })
    await fc.assert(property, { numRuns, seed: seed + done })
    say(done + numRuns)
  }
  return { runs, statuses }
}
