/** How long a server asks us to stay away, RFC 9110 §10.2.3: seconds, or a date. */
export const toRetryAfterMs = (header: string | undefined, now: Date): number | undefined => {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = /^[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN // else `-5` were a date
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime())
}
