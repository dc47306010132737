/**
 * A value as JSON gives it back: without undefined keys and -0, so that equal means equal. What JSON would not change is
 * returned as it is: to look costs less than to write and read.
 */
export const asJson = <T>(value: T): T => (isAsJson(value) ? value : (JSON.parse(JSON.stringify(value)) as T))

const isAsJson = (value: unknown): boolean => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (Array.isArray(value) ? isList(value) : isRecord(value))
    default:
      return false
  }
}

const isList = (list: readonly unknown[]): boolean => {
  for (const item of list) if (!isAsJson(item)) return false // a hole is undefined here, and would be passed by `every`
  return true
}

const isRecord = (record: object): boolean =>
  Object.getPrototypeOf(record) === Object.prototype && Object.values(record).every(isAsJson)
