import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { toTellable } from './bug.ts'
import { Refusal } from './errors.ts'

const CANARY = 'canary7f3a9'

it('a bug is told without its own words, wherever it has them', () => {
  const cause = new RangeError(`no ${CANARY}\n    at ${CANARY} (x.ts:1:1)`)
  const bug = Object.assign(new TypeError(`cannot read ${CANARY}`, { cause }), {
    code: 'ERR_INVALID_ARG_TYPE',
    input: CANARY,
    toJSON: () => CANARY
  })
  const told = toTellable(bug)
  expect(inspect(told, { depth: 9, showHidden: true })).not.toContain(CANARY)
  expect(told).toMatchObject({
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_TYPE',
    cause: { name: 'RangeError' }
  })
  expect(told.stack).toMatch(/^TypeError: \(not told.*\n\s+at .*bug\.test\.ts/)
})

it('what we throw ourselves keeps its words, but for what looks like a secret', () => {
  const told = toTellable(new Refusal('NOT_ACCEPTED', 'nobody took it, password=hunter2'))
  expect(told.message).toBe('nobody took it, password=…')
})

it('a thrown text is no exception, and neither is a cause without end', () => {
  expect(inspect(toTellable(CANARY), { depth: 9 })).not.toContain(CANARY)
  const endless: Error = new Error(CANARY)
  endless.cause = endless
  expect(inspect(toTellable(endless), { depth: 9 })).not.toContain(CANARY)
})
