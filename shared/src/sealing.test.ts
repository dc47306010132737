import { describe, expect, it } from 'vitest'
import { createSealing, SealError, secretContext } from './sealing.ts'

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64')
const sealingOf = (current: number, previous?: number) => {
  const sealing = createSealing({
    SLUICE_SECRETS_KEY: key(current),
    ...(previous === undefined ? {} : { SLUICE_SECRETS_KEY_PREVIOUS: key(previous) })
  })
  if (sealing === undefined) throw new Error('no sealing')
  return sealing
}
const SECRET = 'whsec_пароль'
const CONTEXT = secretContext(7)

describe('sealing', () => {
  it('gives back what was sealed, and never the same bytes twice', () => {
    const sealing = sealingOf(1)
    const sealed = sealing.seal(SECRET, CONTEXT)
    expect(sealing.open(sealed, CONTEXT)).toBe(SECRET)
    expect(sealing.open(new Uint8Array(sealed), CONTEXT)).toBe(SECRET)
    expect(sealing.seal(SECRET, CONTEXT).equals(sealed)).toBe(false)
  })

  it('does not open for another source', () => {
    const sealing = sealingOf(1)
    expect(() => sealing.open(sealing.seal(SECRET, CONTEXT), secretContext(8))).toThrow(SealError)
  })

  it('does not open when any byte was changed, or bytes are missing', () => {
    const sealing = sealingOf(1)
    const sealed = sealing.seal(SECRET, CONTEXT)
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => sealing.open(changed, CONTEXT)).toThrow(SealError)
      expect(() => sealing.open(sealed.subarray(0, at), CONTEXT)).toThrow(SealError)
    }
  })

  it('opens under the master key before while it is given, and seals under the newest', () => {
    const old = sealingOf(1).seal(SECRET, CONTEXT)
    const rotating = sealingOf(2, 1)
    expect(rotating.open(old, CONTEXT)).toBe(SECRET)
    expect(rotating.isCurrent(old)).toBe(false)
    const resealed = rotating.seal(rotating.open(old, CONTEXT), CONTEXT)
    expect(rotating.isCurrent(resealed)).toBe(true)
    expect(sealingOf(2).open(resealed, CONTEXT)).toBe(SECRET)
    expect(() => sealingOf(2).open(old, CONTEXT)).toThrow('master key')
  })

  it('says nothing of the secret when it fails', () => {
    const sealing = sealingOf(1)
    const sealed = sealing.seal(SECRET, CONTEXT)
    for (const attempt of [() => sealing.open(sealed, 'x'), () => sealingOf(2).open(sealed, CONTEXT)]) {
      expect(attempt).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('пароль') as string })
      )
    }
  })

  it('needs a master key of 32 bytes, or none', () => {
    expect(createSealing({})).toBeUndefined()
    expect(() => createSealing({ SLUICE_SECRETS_KEY: 'c2hvcnQ=' })).toThrow(SealError)
  })
})
