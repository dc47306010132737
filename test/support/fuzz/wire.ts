import { connect, type Socket } from 'node:net'
import { toError } from '@sluice/shared/errors'
import { createAnswerReader, type WireAnswer } from './answers.ts'

/** Bytes to send as they are: no client stands between that would mend or refuse them. */
export interface WireRequest {
  bytes: Buffer
  /** May end the connection, or make its end unclear: it gets one of its own, closed on our side behind it. */
  isAlone: boolean
}

/**
 * A client that sends many requests on few connections, the next ones without waiting for the answers before them.
 * A request whose connection ended before it was answered is sent again, alone, so that what ended it is found.
 */
export interface Wire {
  /** The answers, in the order of the requests; `undefined`: sent alone, and the connection ended without one. */
  send: (requests: readonly WireRequest[]) => Promise<(WireAnswer | undefined)[]>
  close: () => void
}

export interface WireOptions {
  host: string
  port: number
  connections?: number
  /** Requests under way at once on one connection. */
  depth?: number
  /** An answer that takes longer is none. */
  timeoutMs?: number
}

export const createWire = ({
  host,
  port,
  connections = 8,
  depth = 16,
  timeoutMs = 20_000
}: WireOptions): Wire => {
  const lines = Array.from({ length: connections }, () =>
    createLine(() => connect({ host, port }), timeoutMs)
  )

  return {
    send: async (requests) => {
      const answers: (WireAnswer | undefined)[] = requests.map(() => undefined)
      const together = requests.flatMap(({ isAlone }, index) => (isAlone ? [] : [index]))
      const alone = requests.flatMap(({ isAlone }, index) => (isAlone ? [index] : []))
      const bytesOf = (index: number): Buffer => requests[index]?.bytes ?? Buffer.alloc(0)

      const work = async (line: Line): Promise<void> => {
        for (;;) {
          const some = together.splice(0, depth)
          if (some.length > 0) {
            const got = await line.exchange(some.map(bytesOf))
            for (const [place, answer] of got.entries()) answers[some[place] ?? 0] = answer
            const [suspect, ...others] = some.slice(got.length)
            if (suspect !== undefined) alone.push(suspect)
            together.push(...others)
            continue
          }
          const index = alone.shift()
          if (index === undefined) return
          answers[index] = await sendAlone(
            () => connect({ host, port, allowHalfOpen: true }),
            bytesOf(index),
            timeoutMs
          )
        }
      }
      await Promise.all(lines.map(work))
      return answers
    },
    close: () => {
      for (const line of lines) line.close()
    }
  }
}

/** One connection, opened when it is needed and again when it has ended. */
interface Line {
  /** The answers that came before the connection ended; all of them if it did not. */
  exchange: (requests: readonly Buffer[]) => Promise<WireAnswer[]>
  close: () => void
}

const createLine = (open: () => Socket, timeoutMs: number): Line => {
  let socket: Socket | undefined
  let onAnswer: (answer: WireAnswer) => void = ignore
  let onEnd: (error?: Error) => void = ignore

  const opened = (): Socket => {
    if (socket !== undefined && !socket.destroyed && socket.writable) return socket
    const fresh = open().setNoDelay()
    const read = createAnswerReader((answer) => onAnswer(answer))
    fresh
      .on('data', (chunk: Buffer) => {
        try {
          read(chunk)
        } catch (error) {
          onEnd(toError(error))
          fresh.destroy()
        }
      })
      .on('error', ignore) // a reset is an end like any other
      .on('close', () => {
        if (socket !== fresh) return // everything on it was answered
        socket = undefined
        onEnd()
      })
    socket = fresh
    return fresh
  }

  return {
    exchange: (requests) =>
      new Promise((resolve, reject) => {
        const answers: WireAnswer[] = []
        const timer = setTimeout(
          () => reject(new Error(`${requests.length - answers.length} requests were not answered in time`)),
          timeoutMs
        )
        const end = (error?: Error): void => {
          clearTimeout(timer)
          onAnswer = onEnd = ignore
          if (error === undefined) resolve(answers)
          else reject(error)
        }
        onEnd = end
        onAnswer = (answer) => {
          if (answers.push(answer) < requests.length) return
          if (answer.headers.connection === 'close') socket = undefined
          end()
        }
        opened().write(Buffer.concat(requests))
      }),
    close: () => void socket?.destroy()
  }
}

const sendAlone = (open: () => Socket, bytes: Buffer, timeoutMs: number): Promise<WireAnswer | undefined> =>
  new Promise((resolve, reject) => {
    const socket = open()
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Error(`was neither answered nor hung up on in time: ${JSON.stringify(bytes.toString('latin1'))}`)
      )
    }, timeoutMs)
    const end = (answer?: WireAnswer): void => {
      clearTimeout(timer)
      resolve(answer)
      socket.destroy()
    }
    const read = createAnswerReader(end)
    socket
      .on('data', (chunk: Buffer) => {
        try {
          read(chunk)
        } catch (error) {
          reject(toError(error))
          end()
        }
      })
      .on('error', ignore)
      .on('end', () => end())
      .on('close', () => end())
      .end(bytes)
  })

const ignore = (): void => undefined
