import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, toError } from '@sluice/shared/errors'
import { endProcess } from '@sluice/shared/lifecycle'
import type { Logger } from '@sluice/shared/log'

/** What must stand still while a dependency is away. */
export interface Holdable {
  /** Stop taking deliveries and keep those in hand. */
  hold: () => void
  /** Held long enough: return what is in hand to the queue, once, and stay stopped. */
  giveBack: () => Promise<void>
  /** Work off what was held, then take deliveries again; resolves when what was held is settled, or held again. */
  release: () => Promise<void>
}

/** Watches over one dependency: open means it is away, and everything holds until a probe says it is back. */
export interface Circuit {
  readonly isOpen: boolean
  /** The dependency failed; does nothing while open. */
  trip: (cause: Error) => void
  /** Stops probing: what is held from now on stays held. */
  stop: () => void
}

export interface CircuitDeps {
  /** Resolves when the dependency answers. */
  probe: () => Promise<void>
  /** In the order in which they may go on. */
  holdables: () => readonly Holdable[]
  maxHoldMs: number
  log: Logger
  /** Passes the time between two probes; ends early when stopped. */
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

const sleepUnlessStopped = (ms: number, signal: AbortSignal): Promise<unknown> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)

const PROBE_FIRST_MS = 200
/** The longest that work stands still after the dependency is back. */
const PROBE_MAX_MS = 5_000

/** Away again so soon after an answer: it answers probes and nothing else, and they are made less and less often. */
const STEADY_MS = 10_000

/** Half of it fixed, half of it chance: many workers do not knock at the same moment. */
export const probeDelayMs = (attempt: number, random: () => number = Math.random): number => {
  const full = Math.min(PROBE_MAX_MS, PROBE_FIRST_MS * 2 ** Math.min(attempt, 10))
  return full / 2 + (random() * full) / 2
}

export const createCircuit = ({
  probe,
  holdables,
  maxHoldMs,
  log,
  pause = sleepUnlessStopped
}: CircuitDeps): Circuit => {
  const stopping = new AbortController()
  const { signal } = stopping
  let isOpen = false
  let isRecovering = false
  let closedAt = -Infinity
  let relapses = 0
  // Of the outage, its relapses included: in between nothing that was held has been settled.
  let openedAt = 0
  let isGivenBack = false

  const giveBackInTime = async (): Promise<void> => {
    if (isGivenBack || performance.now() - openedAt < maxHoldMs) return
    isGivenBack = true
    log.warn({ maxHoldMs }, 'held long enough, giving deliveries back')
    for (const holdable of holdables()) await holdable.giveBack()
  }

  const untilItAnswers = async (): Promise<void> => {
    for (let attempt = relapses; !signal.aborted; attempt++) {
      await pause(probeDelayMs(attempt), signal)
      if (signal.aborted) return
      try {
        return await probe()
      } catch (thrown) {
        log.debug({ err: toError(thrown), attempt }, 'still away')
      }
      await giveBackInTime()
    }
  }

  const recover = async (): Promise<void> => {
    isRecovering = true
    while (isOpen && !signal.aborted) {
      const now = performance.now()
      if (now - closedAt < STEADY_MS) {
        relapses += 1
        await giveBackInTime()
      } else {
        relapses = 0
        openedAt = now
        isGivenBack = false
      }
      await untilItAnswers()
      if (signal.aborted) return
      isOpen = false
      closedAt = performance.now()
      log.info({ awayMs: Math.round(closedAt - openedAt) }, 'dependency is back, going on')
      for (const holdable of holdables()) {
        if (isOpen) break // away again before everything went on
        await holdable.release()
      }
    }
    isRecovering = false
  }

  return {
    get isOpen() {
      return isOpen
    },
    trip: (cause) => {
      if (isOpen) return
      isOpen = true
      log.warn({ err: cause, code: codeOf(cause) }, 'dependency is away, holding deliveries')
      for (const holdable of holdables()) holdable.hold()
      if (isRecovering || signal.aborted) return
      // Without a probe nothing would ever go on: better a new process.
      void recover().catch((thrown: unknown) => endProcess(toError(thrown)))
    },
    stop: () => stopping.abort()
  }
}
