import type { OutgoingMessage } from '@sluice/shared/envelope'
import { flat, type Workshop } from './workshop.ts'

/** Messages at the edge of what the wire can carry: those that are only large, and those nobody can read. */
export interface OddMessages {
  sound: readonly OutgoingMessage[]
  dead: readonly OutgoingMessage[]
}

/** amqplib refuses a table of more than 64 KiB; what an envelope has itself is some 600 bytes. */
const ROOM_BYTES = 64_000
const MIB = 1024 * 1024

export const oddMessages = (shop: Workshop): OddMessages => {
  const hook = (id: string, headers: Record<string, string> = {}): OutgoingMessage =>
    shop.hook(`odd-${id}.0`, flat(`odd-${id}`), 10, headers)
  const withBody = (id: string, body: Buffer): OutgoingMessage => ({ ...hook(id), body })
  const padding = 'x'.repeat(ROOM_BYTES)
  const json = JSON.stringify(flat('odd-latin'))
  return {
    sound: [
      hook('padded', { padding }),
      shop.hook('odd-large.0', { ...flat('odd-large'), extras: { note: 'x'.repeat(MIB - 300) } }, 10)
    ],
    dead: [
      hook('headers', { padding, lane: 'sideways' }),
      withBody('empty', Buffer.alloc(0)),
      withBody('junk', Buffer.alloc(MIB, '[')),
      withBody('zeroes', Buffer.alloc(MIB)),
      withBody('latin', Buffer.from(json.replace('Nerja', 'Málaga'), 'latin1')),
      withBody('utf16', Buffer.from(json, 'utf16le')),
      withBody('cut', Buffer.from(json.slice(0, -1)))
    ]
  }
}
