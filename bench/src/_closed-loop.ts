import { connect } from 'node:net'

/** What came of one round: requests a second and how long each took, in milliseconds. */
export interface Round {
  perSecond: number
  times: number[]
  /** Answers other than 202: they spoil the round. */
  others: number
}

/** One request, ready to be sent: a thin client signs and renders nothing while it measures. */
export interface Letter {
  /** Request line and headers, with the empty line behind them. */
  head: string
  body: string
}

export const toLetter = (path: string, headers: Readonly<Record<string, string>>, body: string): Letter => {
  const lines = Object.entries({
    host: 'bench',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return { head: `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, body }
}

export interface LoopOptions {
  connections: number
  /** Not counted. */
  warmMs: number
  measureMs: number
}

/**
 * Closed loop over raw sockets: each connection sends its next request when it has the answer to the one before. A thin
 * client on purpose, since it shares the cores with what it measures.
 */
export const closedLoop = async (
  port: number,
  next: () => Letter,
  { connections, warmMs, measureMs }: LoopOptions
): Promise<Round> => {
  const startAt = performance.now() + warmMs
  const endAt = startAt + measureMs
  const times: number[] = []
  let others = 0
  await Promise.all(
    Array.from({ length: connections }, () =>
      oneConnection(port, next, endAt, (isAccepted, sentAt) => {
        const now = performance.now()
        if (sentAt < startAt || now > endAt) return
        times.push(now - sentAt)
        if (!isAccepted) others += 1
      })
    )
  )
  return { perSecond: times.length / (measureMs / 1000), times, others }
}

const oneConnection = (
  port: number,
  next: () => Letter,
  endAt: number,
  answered: (isAccepted: boolean, sentAt: number) => void
): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let [sentAt, text] = [0, '']
    const send = (): void => {
      if (performance.now() >= endAt) return void socket.end(resolve)
      const { head, body } = next()
      sentAt = performance.now()
      socket.write(head + body)
    }
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('data', (chunk: Buffer | string) => {
      text += String(chunk)
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1])
      if (text.length < end + 4 + length) return
      const isAccepted = text.startsWith('202', 'HTTP/1.1 '.length)
      text = ''
      answered(isAccepted, sentAt)
      send()
    })
    socket.on('error', reject)
  })
