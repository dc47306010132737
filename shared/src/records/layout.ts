/**
 * Where records are in a file, as configuration: a format declares one of these. Every layout gives records as JSON,
 * in which a format finds the offer's id and its time by path.
 */
export type RecordLayout = XmlLayout

/** Steps from the outside in. XML: names without prefix, `@name` for an attribute, which can only be the last one. */
export type Path = readonly string[]

interface AnyLayout {
  /**
   * The charset of files that do not say theirs and are not UTF-8: `windows-1251`. A byte order mark, the server, and
   * the file itself say it first.
   */
  charset?: string
}

/** What a file says beside its records, and where. It must stand in front of the records it speaks of. */
export interface SurroundingsLayout {
  /**
   * Captured for every record that follows, until the element (object) it stands in ends: the agency above its
   * offers. A record carries it as `#context`, under the names given here, and it is part of the record's hash.
   */
  context?: Readonly<Record<string, Path>>
  /** The file's own generation time: that of records behind it which state none. */
  generatedAt?: Path
  /** How many records the file says that it holds: with fewer or more it is not complete. */
  count?: Path
  /** Where the file says whether it holds all offers of the vendor, and in which words (any case). */
  extent?: { path: Path; full: readonly string[]; part: readonly string[] }
}

export interface XmlLayout extends AnyLayout, SurroundingsLayout {
  kind: 'xml'
  /**
   * Element names from the root to the record, one path for each kind of record: `[['root', 'property']]`. A path of one
   * step is a record that is the root. `*` as the last step is any child of that element, but what `except` names.
   * Where a record can have more than one name, it carries its own as `#element`.
   */
  paths: readonly Path[]
  /** Children of a `*` parent that are no records. What `context` and the like name is none either. */
  except?: readonly string[]
  /**
   * Paths inside the record, without the record itself, that are lists even when the element stands once:
   * `['images', 'image']`. Without this one child is an object and two are an array.
   */
  lists: readonly Path[]
}
