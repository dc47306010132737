import { connect } from 'node:net'

/** What came of one round: requests a second and how long each took, in milliseconds. */
export interface Round {
  perSecond: number
  times: number[]
  /** Answers by status; anything but 202 spoils the round. */
  statuses: Record<number, number>
}

/**
 * Closed loop over raw sockets: each connection sends its next request when it has the answer to the one before. A thin
 * client on purpose, since it shares two cores with what it measures. The first `warmMs` are not counted.
 */
export const closedLoop = async (
  port: number,
  next: () => { path: string; headers: Record<string, string>; body: string },
  { connections, warmMs, measureMs }: { connections: number; warmMs: number; measureMs: number }
): Promise<Round> => {
  const startAt = performance.now() + warmMs
  const endAt = startAt + measureMs
  const times: number[] = []
  const statuses: Record<number, number> = {}
  await Promise.all(
    Array.from({ length: connections }, () =>
      oneConnection(port, next, endAt, (status, sentAt) => {
        const now = performance.now()
        if (sentAt < startAt || now > endAt) return
        times.push(now - sentAt)
        statuses[status] = (statuses[status] ?? 0) + 1
      })
    )
  )
  return { perSecond: times.length / (measureMs / 1000), times, statuses }
}

const oneConnection = (
  port: number,
  next: Parameters<typeof closedLoop>[1],
  endAt: number,
  answered: (status: number, sentAt: number) => void
): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let [sentAt, text] = [0, '']
    const send = (): void => {
      if (performance.now() >= endAt) return void socket.end(resolve)
      const { path, headers, body } = next()
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      sentAt = performance.now()
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${lines.join('')}\r\n${body}`
      )
    }
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('data', (chunk: Buffer | string) => {
      text += String(chunk)
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1])
      if (text.length < end + 4 + length) return
      const status = Number(text.slice(9, 12))
      text = ''
      answered(status, sentAt)
      send()
    })
    socket.on('error', reject)
  })
