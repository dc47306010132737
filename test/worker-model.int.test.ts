import { afterEach, describe, expect, test } from 'vitest'
import { findSkippable } from '@sluice/prisma/tables/feed-records'
import { fromMessage, type OutgoingMessage } from '@sluice/shared/envelope'
import { judge, type Finding } from './drills/_oracle.ts'
import { FAULT } from './drills/_worker-house.ts'
import { createHistory, type History } from './support/histories.ts'
import type { Running } from './support/process.ts'
import { services } from './support/services.ts'
import { createWorkshop, type Workshop } from './support/workshop.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Scene {
  shop: Workshop
  history: History
  workers: readonly Running[]
  send: (messages: readonly OutgoingMessage[]) => Promise<void>
  /** What the oracle says against it. */
  complaints: (spared?: readonly OutgoingMessage[]) => Promise<string[]>
}

const open = async (seed: number, offers: number, preload: readonly string[] = []): Promise<Scene> => {
  const shop = await createWorkshop()
  cleanups.push(shop.remove)
  const { rabbitmqManagementUrl: managementUrl } = services
  const history = await createHistory(shop, { seed, offers })
  const workers = await Promise.all([1, 2, 3, 4].map(() => shop.startProcess({}, preload)))
  const confirmed: OutgoingMessage[] = []
  return {
    shop,
    history,
    workers,
    send: async (messages) => {
      await shop.send(...messages)
      confirmed.push(...messages)
    },
    complaints: async (spared = []) => {
      const found = await judge(
        { shop, confirmed, spared, told: history.told, workers, managementUrl },
        30_000
      )
      return found.filter(({ ok }) => !ok).map(({ what, figure }: Finding) => `${what}: ${figure}`)
    }
  }
}
const take = ({ messages }: History, count: number): OutgoingMessage[] =>
  Array.from({ length: count }, () => messages.next().value)
const hashOf = (message: OutgoingMessage): string => fromMessage(message).recordHash

const OUTCOMES = 'created updated unchanged stale withdrawn incomplete rejected retried'.split(' ')

describe('four workers', () => {
  test('end with the offers of the model, each change told once, whatever comes in whatever order', async () => {
    // Few offers, so that the workers meet on every one of them again and again.
    const at = await open(20_261_125, 40, [FAULT.stumble])
    const told = take(at.history, 1_500)
    await at.send([...told, ...told.filter((_, index) => index % 5 === 0)])
    expect(await at.complaints()).toEqual([])
    const lines = at.workers.flatMap((worker) => worker.lines())
    expect(OUTCOMES.filter((outcome) => lines.every((line) => line[outcome] === undefined))).toEqual([])
  })

  test('and with the same when a feed spares what it need not send again', async () => {
    const at = await open(4, 400)
    const told = take(at.history, 1_500)
    await at.send(told)
    expect(await at.complaints()).toEqual([])

    const times = told.map((message) => fromMessage(message).receivedAt)
    const spared: OutgoingMessage[] = []
    for (const [index, share] of [0.5, 0.8, 1.2].entries()) {
      const fileFactAt = Math.round(Math.min(...times) + share * (Math.max(...times) - Math.min(...times)))
      const run = at.history.rerun(told, 5 + index, fileFactAt)
      const question = { ...at.history.feed, recordHashes: run.map(hashOf) }
      const skipped = await findSkippable(at.shop.database.db.sql, question)
      const sent = run.filter((message) => !skipped.has(hashOf(message)))
      expect([skipped.size, sent.length]).not.toContain(0)
      spared.push(...run.filter((message) => skipped.has(hashOf(message))))
      await at.send(sent)
      expect(await at.complaints(spared)).toEqual([])
    }
  })
})
