import { transcode } from 'node:buffer'

/**
 * As `Buffer.from(text)`, for documents: V8 takes two to four times as long over a long text with a letter beyond Latin-1,
 * which it keeps in two bytes a letter, as Node does by way of UTF-16 (measured with Spanish and Russian).
 */
export const encodeUtf8 = (text: string): Buffer =>
  text.length >= WORTH_IT_LETTERS && BEYOND_LATIN1.test(text) && text.isWellFormed()
    ? transcode(Buffer.from(text, 'utf16le'), 'utf16le', 'utf8')
    : Buffer.from(text)

/** The same, into `page` from `at` on, where there must be room for it. Returns how many bytes it is. */
export const writeUtf8 = (text: string, page: Buffer, at: number): number =>
  text.length >= WORTH_IT_LETTERS ? encodeUtf8(text).copy(page, at) : page.write(text, at)

/** Below it the detour takes as long. */
const WORTH_IT_LETTERS = 1_200
/** Free where V8 keeps a text in one byte a letter: it knows that none of them can match. */
export const BEYOND_LATIN1 = /[^\0-\xff]/
