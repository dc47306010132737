/** The charset an `<?xml … encoding="…"?>` declares; `undefined` when the instruction is another one or says nothing. */
export const declaredCharset = (instruction: string): string | undefined =>
  /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"']*)["']/i.exec(instruction)?.[1]

/** Whether a declared charset is UTF-8 or a part of it. */
export const isUtf8Name = (charset: string): boolean => /^(utf-?8|us-ascii|ascii)$/i.test(charset.trim())
