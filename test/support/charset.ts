/** Text in a charset Node cannot write: its decoder's table, turned round. A character it lacks is a mistake. */
export const encode = (text: string, charset: string): Buffer => {
  if (charset === 'utf-8') return Buffer.from(text)
  if (charset.startsWith('utf-16')) {
    const bytes = Buffer.from(text, 'utf16le')
    return charset === 'utf-16be' ? bytes.swap16() : bytes
  }
  const table = new TextDecoder(charset).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte))
  return Buffer.from(
    Array.from(text, (character) => {
      const byte = table.indexOf(character)
      if (byte === -1) throw new Error(`${charset} has no "${character}"`)
      return byte
    })
  )
}
