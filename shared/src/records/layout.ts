/**
 * Where records are in a file, as configuration: a format declares one of these. Every layout gives records as JSON,
 * in which a format finds the offer's id and its time by path.
 */
export type RecordLayout = XmlLayout | JsonLayout | NdjsonLayout | CsvLayout | BlmLayout | SheetLayout

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
   * Captured for every record that follows, until the element (object) ends that both stand in: the agency above its
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

export interface JsonLayout extends AnyLayout, SurroundingsLayout {
  kind: 'json'
  /**
   * Member names from the outside to the list of records: `['customerProperties']`; `[]` when the list is the whole
   * file. Lists on the way are gone through (`['agencies', 'offers']`); an object where the list should be is one record.
   */
  path: Path
}

/** A record a line. */
export interface NdjsonLayout extends AnyLayout {
  kind: 'ndjson'
}

/**
 * Names of the columns: from the first row, given, or neither – then they are called by their position, `'1'`, `'2'`.
 * An empty name leaves its column out.
 */
export type Columns = 'header' | 'numbered' | readonly string[]

/** RFC 4180 and its relatives. */
export interface CsvLayout extends AnyLayout {
  kind: 'csv'
  columns: Columns
  /** One ASCII character; a comma when it is not given. */
  delimiter?: string
  /** One ASCII character, `"` when it is not given; `false`: quotes mean nothing. */
  quote?: string | false
  /** What makes a quote inside quotes a character: the quote itself when it is not given, or `\`. */
  escape?: string
  /** The vendor ends the last line, too: a file that does not was cut short, and its last row is not read. */
  endsInNewline?: boolean
}

/** Rightmove's BLM: columns, separators and number of rows stand in the file. */
export interface BlmLayout extends AnyLayout {
  kind: 'blm'
}

/** XLSX, XLSB or legacy XLS. Cells are text, numbers, booleans, or wall-clock times `2026-03-01T10:00:00`. */
export interface SheetLayout extends AnyLayout {
  kind: 'sheet'
  columns: Columns
  /** Name of the sheet; the first one when it is not given. */
  sheet?: string
}
