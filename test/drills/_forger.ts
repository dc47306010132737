import { connect, type Socket } from 'node:net'
import { createSign, offerBody } from './_gateway-house.ts'

/**
 * Sends forgeries as cheaply as they can be sent, as a process of its own: the requests are written beforehand, and go
 * down a few connections without waiting for each answer. Takes a `Forgery` as JSON and begins at once; any message ends
 * it, and is answered with `Forged`.
 */
export interface Forgery {
  url: string
  perSecond: number
  /** Addresses that send half of them, over and over; each of the others is another one's first. */
  loudAddresses: readonly string[]
}

export interface Forged {
  sent: number
  /** Answers by status. */
  answers: Record<string, number>
  /** Sent on connections that broke. */
  lost: number
  seconds: number
}

const CONNECTIONS = 20
/** Requests a connection may be ahead of its answers. */
const DEPTH = 50
const TICK_MS = 5
const WRITTEN_BEFOREHAND = 2_000
const STATUS = Buffer.from('HTTP/1.1 ')
const STATUS_DIGITS = 3

const { url, perSecond, loudAddresses } = JSON.parse(process.argv[2] ?? '') as Forgery
const { hostname, port, pathname, host } = new URL(url)

/** As long as any that is put there: `10.` and three numbers of three digits. */
const ADDRESS = '10.100.100.100'

const written = Array.from({ length: WRITTEN_BEFOREHAND }, (_, index) => {
  const body = offerBody(`forged-${index}`)
  const headers = {
    host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-forwarded-for': ADDRESS,
    ...createSign(Buffer.alloc(32, 1))(`msg_forged_${index}`, body)
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
})
const addressAt = written[0]?.indexOf(ADDRESS) ?? 0

/** The numbers of three digits that are bytes: 100 to 255. */
const toAddress = (index: number): string =>
  `10.${100 + (Math.floor(index / 156 ** 2) % 156)}.${100 + (Math.floor(index / 156) % 156)}.${100 + (index % 156)}`

let sent = 0
let lost = 0
let isOver = false
const answers: Record<string, number> = {}

const nextRequest = (): Buffer => {
  const request = Buffer.from(written[sent % written.length] ?? '')
  const pair = sent >> 1
  const address = sent % 2 === 0 ? loudAddresses[pair % loudAddresses.length] : toAddress(pair)
  request.write(address ?? ADDRESS, addressAt, 'latin1')
  sent += 1
  return request
}

interface Line {
  socket: Socket
  underWay: number
}

const open = (line: Partial<Line>): Line => {
  let rest = Buffer.alloc(0)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  const opened = Object.assign(line, { socket, underWay: 0 })
  socket.on('data', (chunk: Buffer) => {
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let end = 0
    for (let at = text.indexOf(STATUS); at >= 0; at = text.indexOf(STATUS, end)) {
      const digits = at + STATUS.length
      if (digits + STATUS_DIGITS > text.length) break
      end = digits + STATUS_DIGITS
      const status = text.toString('latin1', digits, end)
      answers[status] = (answers[status] ?? 0) + 1
      opened.underWay -= 1
    }
    rest = Buffer.from(text.subarray(Math.max(end, text.length - STATUS.length - STATUS_DIGITS)))
  })
  socket.on('error', () => undefined) // its close follows
  socket.on('close', () => {
    lost += opened.underWay
    if (!isOver) open(line)
  })
  return opened
}

const lines = Array.from({ length: CONNECTIONS }, () => open({}))
const startedAt = performance.now()

const ticking = setInterval(() => {
  const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond) - sent
  const share = Math.ceil(due / lines.length)
  for (const line of lines) {
    const count = Math.min(share, DEPTH - line.underWay)
    if (count <= 0 || line.socket.pending) continue
    line.underWay += count
    line.socket.write(Buffer.concat(Array.from({ length: count }, nextRequest)))
  }
}, TICK_MS)

const LAST_ANSWERS_MS = 5_000

process.once('message', () => {
  clearInterval(ticking)
  const seconds = (performance.now() - startedAt) / 1000
  const over = performance.now() + LAST_ANSWERS_MS
  const ending = setInterval(() => {
    if (lines.some(({ underWay }) => underWay > 0) && performance.now() < over) return
    clearInterval(ending)
    isOver = true
    for (const { socket } of lines) socket.destroy()
    process.send?.({ sent, answers, lost, seconds } satisfies Forged)
    process.disconnect()
  }, TICK_MS)
})
