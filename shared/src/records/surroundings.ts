import type { Findings } from './findings.ts'
import type { Path, SurroundingsLayout } from './layout.ts'
import type { RecordContext } from './record-events.ts'

/** What a value outside of the records is for. */
export type Use = { kind: 'context'; name: string } | { kind: 'generatedAt' | 'count' | 'extent' }

export interface Wanted {
  use: Use
  path: Path
  /** How many steps of its path it shares with what the records stand in: as long as those are open, it holds. */
  shared: number
}

interface Held {
  value: unknown
  shared: number
}

/**
 * What a file says beside its records: facts of the file are told to the findings once, context is held for the records
 * behind it.
 */
export class Surroundings {
  readonly wanted: readonly Wanted[]
  readonly #layout: SurroundingsLayout
  readonly #findings: Findings
  readonly #taken = new Set<Use['kind']>()
  readonly #held = new Map<string, Held>()
  #context: RecordContext | undefined

  /** @param parents paths of what records stand in */
  constructor(layout: SurroundingsLayout, parents: readonly Path[], findings: Findings) {
    const { context = {}, generatedAt, count, extent } = layout
    this.#layout = layout
    this.#findings = findings
    const wanted: Omit<Wanted, 'shared'>[] = [
      ...Object.entries(context).map(([name, path]) => ({ use: { kind: 'context', name } as const, path })),
      ...(generatedAt === undefined ? [] : [{ use: { kind: 'generatedAt' } as const, path: generatedAt }]),
      ...(count === undefined ? [] : [{ use: { kind: 'count' } as const, path: count }]),
      ...(extent === undefined ? [] : [{ use: { kind: 'extent' } as const, path: extent.path }])
    ]
    this.wanted = wanted.map(({ use, path }) => ({ use, path, shared: sharedSteps(path, parents) }))
  }

  /** Facts of a file are what it says first; context is what it says last. */
  isWanted({ kind }: Use): boolean {
    return kind === 'context' || !this.#taken.has(kind)
  }

  take({ use, shared }: Pick<Wanted, 'use' | 'shared'>, value: unknown): void {
    if (use.kind === 'context') {
      this.#held.set(use.name, { value, shared })
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

  /** Only so many steps of a path are open any more: what shared others with the records holds no longer. */
  leave(steps: number): void {
    for (const [name, held] of this.#held) {
      if (held.shared <= steps) continue
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

const sharedSteps = (path: Path, parents: readonly Path[]): number =>
  Math.max(
    0,
    ...parents.map((parent) => {
      const differs = path.findIndex((step, index) => step !== parent[index])
      return differs === -1 ? path.length : differs
    })
  )

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : undefined
