/**
 * The memory for bodies, over all requests: those that arrive and those in hand. Nobody has shown a key before his body
 * is complete, so what strangers can make us hold must have an end.
 */
export interface BodyRoom {
  /** A body begins to arrive; `turnOut` is called when there is no room for the rest of it. */
  enter: (turnOut: () => void) => BodyGuest
  readonly heldBytes: number
}

/** One body in the room, until it leaves or is turned out. */
export interface BodyGuest {
  grow: (bytes: number) => void
  /** All of it is here: it is being worked on, and may stay. */
  complete: () => void
  leave: () => void
}

/**
 * When it is full, the body that has been arriving for longest goes: one that is sent in earnest is there within
 * milliseconds, and whoever holds on to room by sending slowly loses it first.
 */
export const createBodyRoom = (maxBytes: number): BodyRoom => {
  /** In the order they came. */
  const arriving = new Map<BodyGuest, () => void>()
  let heldBytes = 0

  const makeRoom = (): void => {
    for (const [guest, turnOut] of arriving) {
      if (heldBytes <= maxBytes) return
      guest.leave()
      turnOut()
    }
  }

  return {
    enter: (turnOut) => {
      let bytes = 0
      let isHere = true
      const guest: BodyGuest = {
        grow: (more) => {
          if (!isHere) return
          bytes += more
          heldBytes += more
          if (heldBytes > maxBytes) makeRoom()
        },
        complete: () => void arriving.delete(guest),
        leave: () => {
          if (!isHere) return
          isHere = false
          heldBytes -= bytes
          arriving.delete(guest)
        }
      }
      arriving.set(guest, turnOut)
      return guest
    },
    get heldBytes() {
      return heldBytes
    }
  }
}
