import type { FastifyReply, FastifyRequest } from 'fastify'
import { expect, it } from 'vitest'
import type { Logger } from '@sluice/shared/log'
import { createSampler } from '@sluice/shared/sampler'
import { createAccessLog, REFUSAL_LINES } from './access-log.ts'
import { Refusal, type RefusalCode } from './errors.ts'

const createDoor = () => {
  const lines: Record<string, unknown>[] = []
  let now = 0
  const write = (line: Record<string, unknown>): void => void lines.push(line)
  const log = { child: () => ({ debug: write, info: write, warn: write }) } as unknown as Logger
  const logRequest = createAccessLog({
    log,
    sample: createSampler({ ...REFUSAL_LINES, now: () => now })
  })
  const refuse = (code: RefusalCode, known: { keyId?: number } = {}): void => {
    const request = {
      facts: { ...known, refusal: new Refusal(code, 'no') },
      routeOptions: { url: '/webhooks/:source' },
      ip: '203.0.113.1',
      socket: {}
    }
    const reply = { statusCode: 404, elapsedTime: 1 }
    logRequest(request as unknown as FastifyRequest, reply as unknown as FastifyReply)
  }
  return { lines, refuse, waitMs: (ms: number) => (now += ms) }
}

it('of a flood from strangers a line a second is written, which says how many it stands for', () => {
  const { lines, refuse, waitMs } = createDoor()
  for (let n = 0; n < 100; n++) refuse('SOURCE_UNKNOWN')
  expect(lines).toHaveLength(20)
  expect(lines.every((line) => !('alike' in line))).toBe(true)
  refuse('BODY_TOO_LARGE')
  expect(lines.at(-1)).toMatchObject({ code: 'BODY_TOO_LARGE' })
  waitMs(1_000)
  for (let n = 0; n < 3; n++) refuse('SOURCE_UNKNOWN')
  expect(lines).toHaveLength(22)
  expect(lines.at(-1)).toMatchObject({ code: 'SOURCE_UNKNOWN', alike: 80 })
})

it('every refusal of a sender the source knows has its line', () => {
  const { lines, refuse } = createDoor()
  for (let n = 0; n < 100; n++) refuse('BODY_MALFORMED', { keyId: 1 })
  expect(lines).toHaveLength(100)
})
