import type { DocumentFaultCode } from './record-events.ts'

const HTML = /^\s*<(?:!doctype\s+html|html|head|body)\b/i

/** What is wrong with a file that should be text of another kind, from its first bytes. */
export const htmlFault = (head: Buffer): { code: DocumentFaultCode; reason: string } | undefined =>
  HTML.test(head.toString('latin1', 0, 256))
    ? {
        code: 'FEED_HTML',
        reason: 'the file is an HTML page, most likely an error or login page of the vendor'
      }
    : undefined

export const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** [start, end) without blanks around. */
export const trimmed = (bytes: Buffer, start = 0, end = bytes.length): [number, number] => {
  let from = start
  let to = end
  while (from < to && isBlank(bytes[from])) from++
  while (to > from && isBlank(bytes[to - 1])) to--
  return [from, to]
}
