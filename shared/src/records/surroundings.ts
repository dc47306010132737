import type { Findings } from './findings.ts'
import type { Path, SurroundingsLayout } from './layout.ts'
import type { RecordContext } from './record-events.ts'

/** What a value outside of the records is for. */
export type Use = { kind: 'context'; name: string } | { kind: 'generatedAt' | 'count' | 'extent' }

interface Held {
  value: unknown
  /** How many elements (objects) must be open for it to hold. */
  depth: number
}

/**
 * What a file says beside its records: facts of the file are told to the findings once, context is held for the records
 * behind it.
 */
export class Surroundings {
  readonly wanted: readonly { use: Use; path: Path }[]
  readonly #layout: SurroundingsLayout
  readonly #findings: Findings
  readonly #taken = new Set<Use['kind']>()
  readonly #held = new Map<string, Held>()
  #context: RecordContext | undefined

  constructor(layout: SurroundingsLayout, findings: Findings) {
    const { context = {}, generatedAt, count, extent } = layout
    this.#layout = layout
    this.#findings = findings
    this.wanted = [
      ...Object.entries(context).map(([name, path]) => ({ use: { kind: 'context', name } as const, path })),
      ...(generatedAt === undefined ? [] : [{ use: { kind: 'generatedAt' } as const, path: generatedAt }]),
      ...(count === undefined ? [] : [{ use: { kind: 'count' } as const, path: count }]),
      ...(extent === undefined ? [] : [{ use: { kind: 'extent' } as const, path: extent.path }])
    ]
  }

  /** Facts of a file are what it says first; context is what it says last. */
  isWanted({ kind }: Use): boolean {
    return kind === 'context' || !this.#taken.has(kind)
  }

  /** @param depth how many elements (objects) must stay open for the value to hold */
  take(use: Use, value: unknown, depth: number): void {
    if (use.kind === 'context') {
      this.#held.set(use.name, { value, depth })
      this.#context = undefined
      return
    }
    this.#taken.add(use.kind)
    const text = textOf(value)
    if (text === undefined) return
    if (use.kind === 'generatedAt') this.#findings.addGeneratedAt(text)
    else if (use.kind === 'count' && /^\d{1,12}$/.test(text)) this.#findings.declare({ count: Number(text) })
    else if (use.kind === 'extent') this.#declareExtent(text)
  }

  /** Only `depth` elements are open any more: what stood in others holds no longer. */
  leave(depth: number): void {
    for (const [name, held] of this.#held) {
      if (held.depth <= depth) continue
      this.#held.delete(name)
      this.#context = undefined
    }
  }

  /** What holds now, for the next record; `undefined` when the layout asks for no context. */
  get context(): RecordContext | undefined {
    const { context } = this.#layout
    if (context === undefined) return undefined
    if (this.#context === undefined) {
      const names = Object.keys(context).filter((name) => this.#held.has(name))
      const values = Object.fromEntries(names.map((name) => [name, this.#held.get(name)?.value]))
      this.#context = { values, columns: undefined, json: JSON.stringify(values) }
    }
    return this.#context
  }

  #declareExtent(text: string): void {
    const { full = [], part = [] } = this.#layout.extent ?? {}
    const isOneOf = (words: readonly string[]): boolean =>
      words.some((word) => word.toLowerCase() === text.toLowerCase())
    if (isOneOf(full)) this.#findings.declare({ extent: 'full' })
    else if (isOneOf(part)) this.#findings.declare({ extent: 'part' })
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : undefined
