import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { BODIES, HEADERS, OFFER, TYPES, VALUES } from './corpus.ts'
import { anyText, asHeader, damage, damaged, damagedText } from './damage.ts'
import type { FuzzRequest, KnownSender } from './door.ts'

/** A request, and who had a part in it. */
export interface Attempt {
  request: FuzzRequest
  /** Senders whose proofs went into it, with what each showed. Nobody else's source may take it. */
  proofs: readonly { sender: KnownSender; valid: Readonly<Record<string, string>>; body: Buffer }[]
  /**
   * `control`: just as its sender would send it, so it must be accepted. `proven`: its sender must be believed, whatever
   * is made of the rest. `open`: anything may be wrong with it.
   */
  standing: 'control' | 'proven' | 'open'
  /** Whether anything of it is other than its sender would send it; damage may hit nothing. */
  isMutated: boolean
}

/** A request described by what is done to a valid one; made when it is sent, because signatures hold a time. */
export type Plan = (senders: readonly KnownSender[]) => Attempt

const JSON_TYPE = 'application/json'

const at = (senders: readonly KnownSender[], index: number): KnownSender => {
  const sender = senders[index % senders.length]
  if (sender === undefined) throw new Error('there are no senders')
  return sender
}

const bySlug = (senders: readonly KnownSender[], slug: string): KnownSender =>
  senders.find((sender) => sender.slug === slug) ?? at(senders, 0)

const offer: Buffer = Buffer.from(OFFER)

/** Unmutated: who accepts nothing proves nothing by what is refused. */
const controlOf = (sender: KnownSender): Attempt => {
  const valid = sender.headersOf(offer, sender.path)
  const headers = { 'content-type': JSON_TYPE, ...valid }
  return {
    request: { method: 'POST', path: sender.path, headers, body: offer },
    proofs: [{ sender, valid, body: offer }],
    standing: 'control',
    isMutated: false
  }
}

const control: fc.Arbitrary<Plan> = fc.nat(1_000).map((who) => (senders) => controlOf(at(senders, who)))

/** A valid request of one sender, damaged where its proof is. */
const signatures: fc.Arbitrary<Plan> = fc
  .record({
    who: fc.nat(1_000),
    where: fc.nat(7),
    how: damage,
    move: fc.constantFrom('damage', 'damage', 'damage', 'body', 'resend', 'drop', 'list', 'repeat', 'other'),
    another: fc.nat(1_000)
  })
  .map(({ who, where, how, move, another }) => (senders) => {
    const sender = at(senders, who)
    const stranger = at(senders, who + 1 + (another % (senders.length - 1)))
    const valid = sender.headersOf(offer, sender.path)
    const proofs = [{ sender, valid, body: offer }]
    const names = Object.keys(valid)
    const name = names[where % names.length]
    const send = (
      changed: Record<string, string | readonly string[]>,
      path = sender.path,
      body = offer
    ): Attempt => ({
      request: { method: 'POST', path, headers: { 'content-type': JSON_TYPE, ...changed }, body },
      proofs,
      standing: 'open',
      isMutated:
        path !== sender.path || !body.equals(offer) || JSON.stringify(changed) !== JSON.stringify(valid)
    })
    if (move === 'body') return send(valid, sender.path, damaged(offer, how))
    if (move === 'resend') return send(valid, stranger.path.split('?')[0]) // what one has proved proves nothing to another
    if (move === 'other') {
      const theirs = stranger.headersOf(offer, sender.path)
      proofs.push({ sender: stranger, valid: theirs, body: offer })
      return send(theirs)
    }
    if (name === undefined) return send(valid, toPath(damagedText(sender.path, how)))
    const value = valid[name] ?? ''
    if (move === 'drop')
      return send(Object.fromEntries(Object.entries(valid).filter(([key]) => key !== name)))
    const wrong = damagedText(value, how)
    const given = move === 'list' ? [wrong, value] : move === 'repeat' ? [value, wrong] : wrong
    return send({ ...valid, [name]: given })
  })

/** As the first line of a request can hold it. */
const toPath = (text: string): string => {
  const path = text.replaceAll(/[ \t]/g, '')
  return path.startsWith('/') ? path : `/${path}`
}

const headerName = fc.oneof(fc.constantFrom(...HEADERS), fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/))
const headerValue = fc.oneof(fc.constantFrom(...VALUES), anyText).map((text) => asHeader(Buffer.from(text)))

/** A known sender, with everything around its proof damaged. */
const headers: fc.Arbitrary<Plan> = fc
  .record({
    isListed: fc.boolean(),
    more: fc.dictionary(headerName, headerValue, { maxKeys: 6, noNullPrototype: true }),
    method: fc.constantFrom('POST', 'POST', 'POST', 'POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    tail: fc.oneof(
      { weight: 5, arbitrary: fc.constant('') },
      fc.constantFrom('/validate', '/deliveries/x', '/../health', '?a=%', '%2e%2e', '/', '//', '?key[]=1'),
      fc.webPath({ size: 'small' })
    ),
    body: fc.constantFrom(...BODIES)
  })
  .map(({ isListed, more, method, tail, body: [type, text] }) => (senders) => {
    const sender = bySlug(senders, isListed ? 'api-key-from-an-address' : 'api-key')
    const body = Buffer.from(text)
    const valid = sender.headersOf(body, sender.path)
    return {
      request: {
        method,
        path: `${sender.path}${tail}`,
        headers: { 'content-type': type, ...valid, ...more },
        body
      },
      proofs: [{ sender, valid, body }],
      standing: 'open',
      isMutated: method !== 'POST' || tail !== '' || Object.keys(more).length > 0
    }
  })

/** A signed delivery whose body is as it should be, and is called something else. */
const contentTypes: fc.Arbitrary<Plan> = fc
  .record({
    body: fc.constantFrom(...BODIES),
    type: fc.constantFrom(...TYPES),
    charset: fc.option(fc.constantFrom('utf-8', 'utf-16', 'windows-1251', 'koi8-r', 'gb18030', 'x', '"', '')),
    how: fc.array(damage, { maxLength: 2 })
  })
  .map(({ body: [usual, text], type, charset, how }) => (senders) => {
    const whole = how.reduce(damagedText, charset === null ? type : `${type}; charset=${charset}`)
    return { ...signed(senders, Buffer.from(text), { 'content-type': whole }), isMutated: whole !== usual }
  })

/** A signed delivery whose body is damaged, compressed and called something else. */
const bodies: fc.Arbitrary<Plan> = fc
  .record({
    body: fc.constantFrom(...BODIES),
    type: fc.option(fc.constantFrom(...TYPES), { freq: 3 }),
    how: fc.array(damage, { maxLength: 3 }),
    packed: fc.constantFrom('', '', '', 'gzip', 'deflate'),
    damagePacked: fc.option(damage, { freq: 3 })
  })
  .map(({ body: [usual, text], type, how, packed, damagePacked }) => (senders) => {
    let body = how.reduce(damaged, Buffer.from(text))
    if (packed !== '') body = (packed === 'gzip' ? gzipSync : deflateSync)(body, { level: 1 })
    if (packed !== '' && damagePacked !== null) body = damaged(body, damagePacked)
    const more = {
      'content-type': type ?? usual,
      ...(packed === '' ? {} : { 'content-encoding': packed })
    }
    const isMutated = (type ?? usual) !== usual || !body.equals(Buffer.from(text))
    return { ...signed(senders, body, more), isMutated }
  })

/** A proof over the bytes as they come: whatever they are, their sender is known. */
const signed = (
  senders: readonly KnownSender[],
  body: Buffer,
  more: Readonly<Record<string, string>>
): Omit<Attempt, 'isMutated'> => {
  const sender = bySlug(senders, 'github')
  const valid = sender.headersOf(body, sender.path)
  return {
    request: { method: 'POST', path: sender.path, headers: { ...more, ...valid }, body },
    proofs: [{ sender, valid, body }],
    standing: 'proven'
  }
}

const MUTATIONS = { signatures, headers, 'content types': contentTypes, bodies } as const

/** What is mutated: whose proof, everything around a valid one, what a body is called, or what it says. */
export type Surface = keyof typeof MUTATIONS
export const SURFACES = Object.keys(MUTATIONS) as Surface[]

/** One in so many is a control. */
const CONTROL_EVERY = 16

export const plansOf = (surface: Surface): fc.Arbitrary<Plan> =>
  fc.oneof({ weight: CONTROL_EVERY - 1, arbitrary: MUTATIONS[surface] }, control)
