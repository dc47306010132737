import { describe, expect, it } from 'vitest'
import { createLine } from './line.ts'
import { notSent } from './publish-error.ts'

/** A line before a room of so many places, and who was sent. */
const open = ({ places = 0, maxWaiting = 10 } = {}) => {
  const sent: string[] = []
  let room = places
  const line = createLine({ maxWaiting, hasRoom: () => room > 0, whyNot: () => notSent('blocked') })
  const join = (name: string, more: { waitMs?: number; signal?: AbortSignal } = {}): Promise<void> =>
    line.join({
      send: () => {
        room -= 1
        sent.push(name)
        return Promise.resolve()
      },
      ...more
    })
  const makeRoom = (count: number): void => {
    room += count
    line.advance()
  }
  return { line, sent, join, makeRoom }
}

describe('a line', () => {
  it('sends in the order of coming, as many as there is room for', async () => {
    const { line, sent, join, makeRoom } = open({ places: 1 })
    const all = ['a', 'b', 'c', 'd'].map((name) => join(name))
    expect(sent).toEqual(['a'])
    makeRoom(2)
    expect(sent).toEqual(['a', 'b', 'c'])
    expect(line.length).toBe(1)
    makeRoom(1)
    await Promise.all(all)
  })

  it('keeps whoever could not be sent after all in front', async () => {
    const { line, sent, join, makeRoom } = open()
    let tries = 0
    const unlucky = line.join({
      send: () => {
        tries += 1
        makeRoom(-1)
        return tries === 1 ? undefined : Promise.resolve()
      }
    })
    const next = join('next')
    makeRoom(1)
    expect([tries, sent, line.length]).toEqual([1, [], 2])
    makeRoom(2)
    await Promise.all([unlucky, next])
    expect(sent).toEqual(['next'])
  })

  it('lets go who waits too long or is called away, and sends nobody who has left', async () => {
    const { line, sent, join, makeRoom } = open()
    const leaving = new AbortController()
    const gone = [join('late', { waitMs: 1 }), join('called', { signal: leaving.signal })]
    leaving.abort(new Error('called away'))
    const [late, called] = await Promise.allSettled(gone)
    expect(late).toMatchObject({ status: 'rejected', reason: { code: 'BROKER_BLOCKED' } })
    expect(called).toMatchObject({ status: 'rejected', reason: { message: 'called away' } })
    makeRoom(5)
    expect([sent, line.length]).toEqual([[], 0])
  })

  it('is no longer than it may be, and empty when it is dissolved', async () => {
    const { line, join } = open({ maxWaiting: 1 })
    const waiting = join('a')
    await expect(join('b')).rejects.toMatchObject({ code: 'BROKER_SATURATED' })
    line.dissolve()
    await expect(waiting).rejects.toMatchObject({ code: 'BROKER_DOWN' })
    await expect(join('c')).rejects.toMatchObject({ code: 'BROKER_DOWN' })
  })

  it('goes on behind a message that cannot be sent at all', async () => {
    const { line, sent, join, makeRoom } = open()
    const broken = line.join({
      send: () => {
        throw new TypeError('cannot be encoded')
      }
    })
    const next = join('next')
    makeRoom(1)
    await expect(broken).rejects.toThrow('cannot be encoded')
    await next
    expect(sent).toEqual(['next'])
  })
})
