import { connect, type Socket } from 'node:net'
import { toError } from '@sluice/shared/errors'
import type { WireAnswer } from './answers.ts'
import { createLine, sendAlone, type Line } from './line.ts'

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
