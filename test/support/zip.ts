import { crc32, deflateRawSync } from 'node:zlib'

/** A file of an archive. */
export interface Packed {
  name: string
  text?: string | Buffer
  /** What the directory says, where it is not so. */
  says?: { method?: number; flags?: number; size?: number; crc?: number }
  isStored?: boolean
}

/** A zip archive as APPNOTE.TXT 4.3 has it; with `zip64` its sizes stand in the extra fields of 4.5.3. */
export const zipOf = (entries: readonly Packed[], { zip64 = false } = {}): Buffer => {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, text = '', says = {}, isStored = false } of entries) {
    const plain = Buffer.from(text)
    const data = isStored ? plain : deflateRawSync(plain)
    const method = says.method ?? (isStored ? 0 : 8)
    const size = says.size ?? plain.length
    const common = Buffer.alloc(26)
    common.writeUInt16LE(zip64 ? 45 : 20, 0)
    common.writeUInt16LE((says.flags ?? 0) | 0x800, 2)
    common.writeUInt16LE(method, 4)
    common.writeUInt32LE(says.crc ?? crc32(plain), 10)
    common.writeUInt32LE(zip64 ? 0xffffffff : data.length, 14)
    common.writeUInt32LE(zip64 ? 0xffffffff : size, 18)
    common.writeUInt16LE(Buffer.byteLength(name), 22)
    const extra = zip64 ? Buffer.alloc(20) : Buffer.alloc(0)
    if (zip64) {
      extra.writeUInt16LE(1, 0)
      extra.writeUInt16LE(16, 2)
      extra.writeBigUInt64LE(BigInt(size), 4)
      extra.writeBigUInt64LE(BigInt(data.length), 12)
    }
    common.writeUInt16LE(extra.length, 24)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), extra, data])
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    directory.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02'),
        Buffer.from([20, 0]),
        common,
        place,
        Buffer.from(name),
        extra
      ])
    )
    locals.push(local)
    offset += local.length
  }
  const listing = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(listing.length, 12)
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16)
  if (!zip64) return Buffer.concat([...locals, listing, end])
  const end64 = Buffer.alloc(56)
  end64.write('PK\x06\x06', 'latin1')
  end64.writeBigUInt64LE(44n, 4)
  end64.writeBigUInt64LE(BigInt(entries.length), 24)
  end64.writeBigUInt64LE(BigInt(entries.length), 32)
  end64.writeBigUInt64LE(BigInt(listing.length), 40)
  end64.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(offset + listing.length), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([...locals, listing, end64, locator, end])
}
