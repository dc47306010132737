/**
 * How rows cross the boundary. In: one jsonb parameter a statement, read with `jsonb_to_recordset`, so that a batch
 * of any size is one round trip and one plan. Out: SQL's NULL is an absent key, a bigint id is a decimal string
 * (it travels in headers, JSON and command lines), a bigint size is a number, a time is a Date.
 */

/** Rows as the jsonb parameter of a statement. */
export const toRows = (rows: readonly object[]): string => JSON.stringify(rows)

/**
 * The same for what other people wrote (raw records, error messages, headers): the two things JSON can say and jsonb
 * cannot, U+0000 and half a surrogate pair, become U+FFFD instead of failing the batch.
 */
export const toForgivingRows = (rows: readonly object[]): string =>
  JSON.stringify(rows).replaceAll(ESCAPE, (escape) => (UNSTORABLE.test(escape) ? '\\ufffd' : escape))

const ESCAPE = /\\(?:u[0-9a-fA-F]{4}|[^u])/g
// JSON.stringify escapes a surrogate only when its other half is missing.
const UNSTORABLE = /^\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})$/

/** A row as SQL returns it: what may be absent is null. */
export type Nullable<T> = {
  [K in keyof T]-?: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K]
}

/** NULL becomes an absent key. */
export const present = <T extends object>(row: Nullable<T>): T =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T

/** A bigint id as it crosses the boundary. */
export type Id = string

/** Whether a text can be an id at all: what people type is looked up, not sent to fail. */
export const isId = (text: string): boolean => /^[1-9]\d{0,17}$/.test(text)

/** How many rows a list returns when nobody says. */
export const LIST_LIMIT = 100
