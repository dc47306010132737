import { expect, it } from 'vitest'
import { toRefusal } from './to-refusal.ts'

it('a sender that hangs up has cut its body short', () => {
  const aborted = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  expect(toRefusal(aborted)).toMatchObject({ code: 'BODY_CUT_SHORT', status: 400 })
})

it('a connection of ours that is reset is never the fault of the sender', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
  expect(toRefusal(reset)).toMatchObject({ code: 'INTERNAL', status: 500 })
})
