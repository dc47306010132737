import { expect, test } from 'vitest'
import { RunError, TransientError } from '../errors.ts'
import { connectToFirst } from './egress.ts'

const ADDRESSES = [
  { address: '2001:db8::1', family: 6 },
  { address: '192.0.2.1', family: 4 }
]
const silent = new TransientError('FETCH_TIMEOUT', 'did not answer the connection')

/** Connects to the second address only; the first is met with that trouble. */
const connectPast = (trouble: Error) =>
  connectToFirst(ADDRESSES, (address) =>
    address === '192.0.2.1' ? Promise.resolve(address) : Promise.reject(trouble)
  )

test('an address that is refused, or silent, is passed over', async () => {
  expect(await connectPast(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBe('192.0.2.1')
  expect(await connectPast(silent)).toBe('192.0.2.1')
})

test('an answer is an answer', async () => {
  const denied = new RunError('FETCH_DENIED', 'wrong password')
  await expect(connectPast(denied)).rejects.toBe(denied)
})

test('when none answers, the last one says why', async () => {
  await expect(connectToFirst(ADDRESSES, () => Promise.reject(silent))).rejects.toBe(silent)
})
