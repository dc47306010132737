import { randomUUID } from 'node:crypto'

/** The millisecond that is written in a delivery's id. */
export const madeAt = (deliveryId: string): number =>
  Number.parseInt(deliveryId.replace('-', '').slice(0, 12), 16)

/** A UUID of version 7 (RFC 9562): sorts by the millisecond it was made in, and cannot be guessed. */
export const createDeliveryId = (atMs: number = Date.now()): string => {
  if (atMs !== lately.ms) {
    const time = atMs.toString(16).padStart(12, '0')
    lately = { ms: atMs, start: `${time.slice(0, 8)}-${time.slice(8)}-7` }
  }
  // After its version digit; the variant stays.
  return lately.start + randomUUID().slice('xxxxxxxx-xxxx-4'.length)
}

/** Many are made in one millisecond. */
let lately = { ms: Number.NaN, start: '' }
