import type { Path, XmlLayout } from './layout.ts'
import { localName } from './xml-object.ts'
import type { XmlOutline } from './xml-outline.ts'

const ANY = '*'

/** Records that stand in one element: what they are called there, as far as is known. */
interface Place {
  parent: Path
  /** Without prefix; more are known as records are seen, where any child is one. */
  names: Set<string>
  isAny: boolean
  /** As written in this file, in bytes: what is looked for inside records and behind damage. */
  written: Buffer[]
}

/** Which elements are records, and where to look for the next one when a file is damaged. */
export class XmlPlaces {
  /** Whether a record can have more than one name. */
  readonly hasManyNames: boolean
  /** Whether all names of records are known before the first one is seen. */
  readonly areNamesKnown: boolean
  /** Local names of the roots a file may have, for people. */
  readonly roots: readonly string[]
  readonly #places: readonly Place[]
  readonly #except: ReadonlySet<string>

  constructor({ paths, except = [] }: Pick<XmlLayout, 'paths' | 'except'>) {
    const places = new Map<string, Place>()
    for (const path of paths) {
      const parent = path.slice(0, -1)
      const name = path.at(-1) ?? ''
      const key = parent.join('/')
      const place: Place = places.get(key) ?? { parent, names: new Set(), isAny: false, written: [] }
      places.set(key, place)
      if (name === ANY) {
        place.isAny = true
      } else {
        place.names.add(name)
        place.written.push(Buffer.from(name))
      }
    }
    this.#places = [...places.values()]
    this.#except = new Set(except)
    this.areNamesKnown = this.#places.every(({ isAny }) => !isAny)
    this.hasManyNames = !this.areNamesKnown || new Set(paths.map((path) => path.at(-1))).size > 1
    this.roots = [...new Set(paths.map(([root]) => root ?? ''))]
  }

  isRoot(name: string): boolean {
    return this.roots.includes(ANY) || this.roots.includes(localName(name))
  }

  /** Whether an element `name` that begins where the outline is, is a record; its name is known from then on. */
  isRecord(outline: XmlOutline, name: string): boolean {
    const place = this.#placeAt(outline)
    if (place === undefined) return false
    const local = localName(name)
    if (!place.names.has(local)) {
      if (!place.isAny || this.#except.has(local)) return false
      place.names.add(local)
      place.written.push(Buffer.from(name))
    } else if (local !== name && !place.written.some((known) => known.toString() === name)) {
      place.written.push(Buffer.from(name))
    }
    return true
  }

  /** Whether records stand directly in the innermost open element. */
  isBetween(outline: XmlOutline): boolean {
    return this.#placeAt(outline) !== undefined
  }

  /** Names of the records that stand beside one that begins where the outline is, its own included. */
  namesBeside(outline: XmlOutline): readonly Buffer[] {
    return this.#placeAt(outline)?.written ?? []
  }

  get names(): readonly Buffer[] {
    return this.#places.flatMap(({ written }) => written)
  }

  /** The element in which records called `name` stand, preferably the one the outline is within. */
  parentOf(name: string, outline: XmlOutline): Path | undefined {
    const local = localName(name)
    const possible = this.#places.filter(({ names }) => names.has(local))
    return (possible.find(({ parent }) => outline.isWithin(parent)) ?? possible[0])?.parent
  }

  /** The element in which records stand, preferably one the outline is within. */
  nearestParent(outline: XmlOutline): Path {
    const within = this.#places.filter(({ parent }) => outline.isWithin(parent))
    return (within.at(-1) ?? this.#places[0])?.parent ?? []
  }

  #placeAt(outline: XmlOutline): Place | undefined {
    for (const place of this.#places) {
      if (place.parent.length === outline.depth && outline.isWithin(place.parent)) return place
    }
    return undefined
  }
}
