import { localName } from './xml-object.ts'

/** Where in the document the scanner is: the open elements around the records. Names are compared without prefix. */
export class XmlOutline {
  isRootSeen = false
  isRootClosed = false
  readonly #open: string[] = []

  get depth(): number {
    return this.#open.length
  }

  /** The innermost open element, as written. */
  get parent(): string | undefined {
    return this.#open.at(-1)
  }

  /** Whether an element `name` that begins here stands at `path`. */
  isAt(path: readonly string[], name: string): boolean {
    const { depth } = this
    if (path.length !== depth + 1 || path[depth] !== localName(name)) return false
    return this.#open.every((open, index) => localName(open) === path[index])
  }

  /** Whether the element at `path` is open. */
  isWithin(path: readonly string[]): boolean {
    return path.every((step, depth) => localName(this.#open[depth] ?? '') === step)
  }

  enter(name: string): void {
    this.#open.push(name)
  }

  /** Closes `name`; what was left open inside it is closed with it. */
  leave(name: string): 'closed' | 'closedOthers' | 'notOpen' {
    const depth = this.#open.lastIndexOf(name)
    if (depth === -1) return 'notOpen'
    const wasInnermost = depth === this.#open.length - 1
    this.#open.length = depth
    if (depth === 0) this.isRootClosed = true
    return wasInnermost ? 'closed' : 'closedOthers'
  }

  /** Goes to where the element at `path` is the innermost open one, whatever was read before. */
  goTo(path: readonly string[]): void {
    this.#open.length = Math.min(this.#open.length, path.length)
    path.forEach((step, depth) => {
      if (localName(this.#open[depth] ?? '') !== step) this.#open[depth] = step
    })
  }
}
