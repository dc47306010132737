import type { Findings } from './findings.ts'
import type { Path, XmlLayout } from './layout.ts'
import { Surroundings, type Use } from './surroundings.ts'
import type { XmlOutline } from './xml-outline.ts'

/** A value outside of the records that the layout asks for. */
export interface XmlCapture {
  use: Use
  element: Path
  /** `undefined`: the element itself. */
  attribute: string | undefined
  /** How many elements must stay open for it to hold: an element records stand in, or the one it stands in itself. */
  depth: number
}

/** What the layout wants to know from around the records, and where it stands. */
export class XmlCaptures {
  readonly surroundings: Surroundings
  readonly #captures: readonly XmlCapture[]

  constructor(layout: XmlLayout, findings: Findings) {
    this.surroundings = new Surroundings(layout, findings)
    this.#captures = this.surroundings.wanted.map(({ use, path }) => {
      const last = path.at(-1) ?? ''
      if (!last.startsWith('@')) return { use, element: path, attribute: undefined, depth: path.length - 1 }
      const element = path.slice(0, -1)
      const depth = isAround(element, layout.paths) ? element.length : element.length - 1
      return { use, element, attribute: last.slice(1), depth }
    })
  }

  /** What is wanted of the element `name` that begins where the outline is. */
  at(outline: XmlOutline, name: string): readonly XmlCapture[] {
    if (this.#captures.length === 0) return NONE
    return this.#captures.filter(
      ({ element, use }) => outline.isAt(element, name) && this.surroundings.isWanted(use)
    )
  }

  take({ use, depth }: XmlCapture, value: unknown): void {
    this.surroundings.take(use, value, depth)
  }
}

const NONE: readonly XmlCapture[] = []

const isAround = (element: Path, records: readonly Path[]): boolean =>
  records.some((path) => path.length > element.length && element.every((step, depth) => step === path[depth]))
