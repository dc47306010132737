const DIRECTORY_ENTRY = Buffer.from('PK\x01\x02', 'latin1')
const ENTRY_BYTES = 46
const SIZE_AT = 24

/** What the files of a zip archive in memory unpack to, by its directory; 0 of anything else. */
export const unpackedBytesOf = (archive: Buffer): number => {
  let sum = 0
  let at = archive.indexOf(DIRECTORY_ENTRY)
  while (at !== -1 && at + ENTRY_BYTES <= archive.length) {
    sum += archive.readUInt32LE(at + SIZE_AT)
    at = archive.indexOf(DIRECTORY_ENTRY, at + ENTRY_BYTES)
  }
  return sum
}
