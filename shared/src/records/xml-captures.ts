import type { Findings } from './findings.ts'
import type { Path, XmlLayout } from './layout.ts'
import { Surroundings, type Wanted } from './surroundings.ts'
import type { XmlOutline } from './xml-outline.ts'

/** A value outside of the records that the layout asks for. */
export interface XmlCapture extends Wanted {
  element: Path
  /** `undefined`: the element itself. */
  attribute: string | undefined
}

/** What the layout wants to know from around the records, and where it stands. */
export class XmlCaptures {
  readonly surroundings: Surroundings
  readonly #captures: readonly XmlCapture[]

  constructor(layout: XmlLayout, findings: Findings) {
    const parents = layout.paths.map((path) => path.slice(0, -1))
    this.surroundings = new Surroundings(layout, parents, findings)
    this.#captures = this.surroundings.wanted.map((wanted) => {
      const last = wanted.path.at(-1) ?? ''
      return last.startsWith('@')
        ? { ...wanted, element: wanted.path.slice(0, -1), attribute: last.slice(1) }
        : { ...wanted, element: wanted.path, attribute: undefined }
    })
  }

  /** What is wanted of the element `name` that begins where the outline is. */
  at(outline: XmlOutline, name: string): readonly XmlCapture[] {
    if (this.#captures.length === 0) return NONE
    return this.#captures.filter(
      ({ element, use }) => outline.isAt(element, name) && this.surroundings.isWanted(use)
    )
  }
}

const NONE: readonly XmlCapture[] = []
