import { expect, it } from 'vitest'
import { createBodyRoom, type BodyGuest } from './body-room.ts'

const world = (maxBytes: number) => {
  const room = createBodyRoom(maxBytes)
  const turnedOut: string[] = []
  const enter = (name: string): BodyGuest => room.enter(() => turnedOut.push(name))
  return { room, enter, turnedOut }
}

it('holds what has arrived until its request is over', () => {
  const { room, enter, turnedOut } = world(100)
  const guest = enter('a')
  guest.grow(60)
  guest.grow(40)
  guest.complete()
  expect(room.heldBytes).toBe(100)
  guest.leave()
  guest.leave()
  expect(room.heldBytes).toBe(0)
  expect(turnedOut).toEqual([])
})

it('when it is full, those go that have been arriving for longest, and only as many as must', () => {
  const { room, enter, turnedOut } = world(100)
  const [slow, slower, quick] = ['slow', 'slower', 'quick'].map(enter)
  slow?.grow(30)
  slower?.grow(30)
  quick?.grow(41)
  expect(turnedOut).toEqual(['slow'])
  expect(room.heldBytes).toBe(71)
  quick?.grow(30)
  expect(turnedOut).toEqual(['slow', 'slower'])
  slow?.grow(1_000) // what still comes of it is thrown away
  expect(room.heldBytes).toBe(71)
})

it('one whose body is complete stays, and who then finds no room is turned out himself', () => {
  const { room, enter, turnedOut } = world(100)
  const inHand = enter('in hand')
  inHand.grow(90)
  inHand.complete()
  enter('late').grow(20)
  expect(turnedOut).toEqual(['late'])
  expect(room.heldBytes).toBe(90)
})
