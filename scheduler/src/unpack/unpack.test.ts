import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { zipOf, type Packed } from '../../../test/support/zip.ts'
import { unpack, type UnpackOptions } from './unpack.ts'

const MIB = 1024 * 1024
const FEED = `<root>${'<offer><id>1</id></offer>'.repeat(2_000)}</root>`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-unpack-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** What came out, and what it ended with. */
const read = async (bytes: Buffer, options: Partial<UnpackOptions> = {}) => {
  const path = join(folder, String(Math.random()))
  await writeFile(path, bytes)
  let text = ''
  try {
    for await (const chunk of await unpack(path, { maxBytes: 512 * MIB, ...options }))
      text += chunk.toString('latin1')
  } catch (thrown) {
    return { text, code: (thrown as { code: string }).code }
  }
  return { text, code: undefined }
}

test('what is not packed comes as it is, whatever it is called', async () => {
  for (const text of [FEED, '', 'P', 'PK', '\x1f']) {
    expect(await read(Buffer.from(text, 'latin1'))).toEqual({ text, code: undefined })
  }
})

describe('gzip', () => {
  test('one member, several, and what stands behind the last one', async () => {
    expect((await read(gzipSync(FEED))).text === FEED).toBe(true)
    const members = Buffer.concat([gzipSync('<root>'), gzipSync('</root>')])
    expect(await read(members)).toEqual({ text: '<root></root>', code: undefined })
    for (const trailing of ['\0'.repeat(512), 'x', '\x1f', '<br>Warning: out of memory']) {
      const { text, code } = await read(Buffer.concat([gzipSync(FEED), Buffer.from(trailing, 'latin1')]))
      expect(code).toBeUndefined()
      expect(text === FEED).toBe(true)
    }
  })

  test('a header with everything in it', async () => {
    const head = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 255, 3, 0, 1, 2, 3, 0x66, 0, 0x63, 0, 9, 9])
    const plain = gzipSync(FEED)
    expect((await read(Buffer.concat([head, plain.subarray(10)]))).text === FEED).toBe(true)
    for (let length = 2; length < head.length; length++) {
      expect(await read(head.subarray(0, length))).toEqual({ text: '', code: 'UNPACK_CUT_SHORT' })
    }
  })

  test('cut anywhere it is cut short, and what came counts', async () => {
    const noise = Array.from({ length: 4_000 }, (_, id) => `<offer><id>${id * 7919}</id></offer>`).join('')
    const packed = gzipSync(noise)
    for (const length of [3, 10, packed.length >> 1, packed.length - 1]) {
      const { text, code } = await read(packed.subarray(0, length))
      expect(code).toBe('UNPACK_CUT_SHORT')
      expect(noise.startsWith(text)).toBe(true)
      if (length > packed.length / 3) expect(text.length).toBeGreaterThan(1_000)
    }
  })

  test('damaged it is damaged', async () => {
    const packed = gzipSync(FEED)
    packed[packed.length - 6] = (packed.at(-6) ?? 0) ^ 0xff
    expect(await read(packed)).toMatchObject({ code: 'UNPACK_DAMAGED' })
  })

  test('bombs and what is too large are given up early', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * MIB))
    const { text, code } = await read(bomb)
    expect(code).toBe('UNPACK_INFLATE_RATIO')
    expect(text.length).toBeLessThan(64 * MIB)
    expect(await read(gzipSync(FEED), { maxBytes: 1_000 })).toMatchObject({ code: 'UNPACK_TOO_LARGE' })
  })
})

describe('zip', () => {
  const others: Packed[] = [
    { name: 'photos/' },
    { name: '__MACOSX/._feed.xml', text: 'x'.repeat(90_000) },
    { name: 'readme.txt', text: 'hello', isStored: true }
  ]

  test.each([
    ['the largest file', [...others, { name: 'feed.xml', text: FEED }], {}],
    ['stored', [{ name: 'feed.xml', text: FEED, isStored: true }], {}],
    ['a gzip file in it', [{ name: 'feed.xml.gz', text: gzipSync(FEED) }, ...others], {}],
    ['ZIP64', [...others, { name: 'feed.xml', text: FEED }], { zip64: true }]
  ])('%s', async (_name, entries, kind) => {
    expect(await read(zipOf(entries, kind))).toEqual({ text: FEED, code: undefined })
  })

  test('the named file, whatever else is larger', async () => {
    const bytes = zipOf([
      { name: 'photo.jpg', text: 'x'.repeat(90_000) },
      { name: 'out/Feed-7.blm', text: 'rows' }
    ])
    for (const entry of ['out/Feed-7.blm', '*.blm', '*/feed-*.BLM']) {
      expect(await read(bytes, { entry })).toEqual({ text: 'rows', code: undefined })
    }
    expect(await read(bytes, { entry: '*.xml' })).toEqual({ text: '', code: 'UNPACK_ENTRY' })
    expect(await read(bytes, { entry: '.*' })).toEqual({ text: '', code: 'UNPACK_ENTRY' })
  })

  test('a workbook is a zip archive and stays one', async () => {
    const workbook = zipOf([
      { name: '[Content_Types].xml', text: '<Types/>' },
      { name: 'xl/workbook.xml', text: FEED }
    ])
    expect((await read(workbook)).text).toBe(workbook.toString('latin1'))
  })

  test.each<[string, string, Packed[], Partial<UnpackOptions>?]>([
    ['nothing', 'UNPACK_ENTRY', []],
    ['only folders', 'UNPACK_ENTRY', [{ name: 'out/' }]],
    [
      'a name that climbs',
      'UNPACK_PATH',
      [
        { name: '../../etc/passwd', text: 'x' },
        { name: 'f', text: FEED }
      ]
    ],
    ['an absolute name', 'UNPACK_PATH', [{ name: '/etc/passwd', text: 'x' }]],
    ['a name that climbs backwards', 'UNPACK_PATH', [{ name: String.raw`..\..\boot.ini`, text: 'x' }]],
    [
      'an encrypted file',
      'UNPACK_ENCRYPTED',
      [{ name: 'f', text: FEED, isStored: true, says: { flags: 1, size: FEED.length - 12 } }]
    ],
    ['strong encryption', 'UNPACK_DAMAGED', [{ name: 'f', text: FEED, says: { flags: 0x41 } }]],
    ['another method', 'UNPACK_METHOD', [{ name: 'f', text: FEED, says: { method: 12 } }]],
    ['a bomb', 'UNPACK_INFLATE_RATIO', [{ name: 'f', text: Buffer.alloc(64 * MIB) }]],
    ['a file that is too large', 'UNPACK_TOO_LARGE', [{ name: 'f', text: FEED }], { maxBytes: 1_000 }],
    ['a file larger than it says', 'UNPACK_DAMAGED', [{ name: 'f', text: FEED, says: { size: 10 } }]],
    ['a checksum that is not so', 'UNPACK_DAMAGED', [{ name: 'f', text: FEED, says: { crc: 1 } }]]
  ])('%s is refused: %s', async (_name, code, entries, options = {}) => {
    expect(await read(zipOf(entries), options)).toMatchObject({ code })
  })

  test('cut short it has no directory, and nothing is read', async () => {
    const whole = zipOf([{ name: 'feed.xml', text: FEED }])
    expect(await read(whole.subarray(0, -30))).toEqual({ text: '', code: 'UNPACK_DAMAGED' })
  })
})

test('progress is told in bytes of the file', async () => {
  for (const bytes of [
    Buffer.from(FEED),
    gzipSync(FEED),
    zipOf([{ name: 'f', text: FEED, isStored: true }])
  ]) {
    let told = 0
    await read(bytes, { onRead: (count) => void (told += count) })
    expect(told).toBeGreaterThan(bytes.length * 0.9)
    expect(told).toBeLessThanOrEqual(bytes.length)
  }
})
