import { connect, type Socket } from 'node:net'
import { toError } from '@sluice/shared/errors'
import { createAnswerReader, type WireAnswer } from './answers.ts'

/** Bytes to send as they are: no client stands between that would mend or refuse them. */
export interface WireRequest {
  bytes: Buffer
  /** May end its connection: it gets one of its own. */
  isAlone: boolean
  /** Says nothing sound about where it ends: the server may wait for more of it. */
  isEndless: boolean
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
  const open = (): Socket => connect({ host, port }).setNoDelay()
  const lines = Array.from({ length: connections }, () => createLine(open, timeoutMs))
  const idle = [...lines]
  const together: Job[] = []
  const alone: Job[] = []

  /** Whoever is at the head of a broken row is suspected of having broken it. */
  const sendTogether = async (line: Line, jobs: readonly Job[]): Promise<void> => {
    const answers = await line.exchange(jobs.map(({ request }) => request.bytes))
    for (const [place, answer] of answers.entries()) jobs[place]?.resolve(answer)
    const [suspect, ...others] = jobs.slice(answers.length)
    if (suspect !== undefined) alone.push(suspect)
    together.push(...others)
  }

  const work = async (line: Line): Promise<void> => {
    for (;;) {
      const one = alone.shift()
      const some = one === undefined ? together.splice(0, depth) : []
      if (one === undefined && some.length === 0) return
      try {
        if (one === undefined) await sendTogether(line, some)
        else one.resolve(await sendAlone(open, one.request, timeoutMs))
      } catch (error) {
        for (const job of one === undefined ? some : [one]) job.reject(toError(error))
      }
    }
  }

  const pump = (): void => {
    for (const line of idle.splice(0)) {
      void work(line).finally(() => {
        idle.push(line)
        if (together.length > 0 || alone.length > 0) pump() // came while it was being put back
      })
    }
  }

  return {
    send: (requests) => {
      const answers = requests.map(
        (request) =>
          new Promise<WireAnswer | undefined>((resolve, reject) => {
            const line = request.isAlone ? alone : together
            line.push({ request, resolve, reject })
          })
      )
      pump()
      return Promise.all(answers)
    },
    close: () => {
      for (const line of lines) line.close()
    }
  }
}

/** A request that waits for its answer. */
interface Job {
  request: WireRequest
  resolve: (answer: WireAnswer | undefined) => void
  reject: (error: Error) => void
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
    const fresh = open()
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

/** Our side is closed only when no answer comes: a server takes an end for a sender that has left. */
const END_AFTER_MS = [250, 5_000]

/** The more patient attempt is for an answer that was only slow. */
const sendAlone = async (
  open: () => Socket,
  { bytes, isEndless }: WireRequest,
  timeoutMs: number
): Promise<WireAnswer | undefined> => {
  if (!isEndless) return await sendOnce(open(), bytes, { timeoutMs })
  for (const endAfterMs of END_AFTER_MS) {
    const answer = await sendOnce(open(), bytes, { timeoutMs, endAfterMs })
    if (answer !== undefined) return answer
  }
  return undefined
}

const sendOnce = (
  socket: Socket,
  bytes: Buffer,
  { timeoutMs, endAfterMs }: { timeoutMs: number; endAfterMs?: number }
): Promise<WireAnswer | undefined> =>
  new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(late)
      clearTimeout(noMore)
      socket.destroy()
      settle()
    }
    const late = setTimeout(
      () => finish(() => reject(new Error(`unanswered and open: ${show(bytes)}`))),
      timeoutMs
    )
    const noMore = endAfterMs === undefined ? undefined : setTimeout(() => socket.end(), endAfterMs)
    const read = createAnswerReader((answer) => finish(() => resolve(answer)))
    socket
      .on('data', (chunk: Buffer) => {
        try {
          read(chunk)
        } catch (error) {
          finish(() => reject(toError(error)))
        }
      })
      .on('error', ignore)
      .on('close', () => finish(() => resolve(undefined)))
      .write(bytes)
  })

const show = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1'))
const ignore = (): void => undefined
