import type { Socket } from 'node:net'
import { toError } from '@sluice/shared/errors'
import { createAnswerReader, type WireAnswer } from './answers.ts'

/** One connection, opened when it is needed and again when it has ended. */
export interface Line {
  /** The answers that came before the connection ended; all of them if it did not. */
  exchange: (requests: readonly Buffer[]) => Promise<WireAnswer[]>
  close: () => void
}

export const createLine = (open: () => Socket, timeoutMs: number): Line => {
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

/**
 * One request on a connection of its own; `undefined`: it ended without an answer. Who may be waiting for more of it is
 * told that no more comes, the second time with more patience, should the answer only have been slow.
 */
export const sendAlone = async (
  open: () => Socket,
  { bytes, isEndless }: { bytes: Buffer; isEndless: boolean },
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
