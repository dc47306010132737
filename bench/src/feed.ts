import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFormat } from '@sluice/shared/formats'
import { createDatabase } from '../../test/support/database.ts'
import { runToEnd } from '../../test/support/process.ts'
import { runBench, type Running } from './_bench.ts'
import { rememberFeed } from './_known-feed.ts'
import { writeKyeroFeed } from './_kyero-feed.ts'
import type { ReaderName, Reading } from './_read-feed.ts'

const found = findFormat('kyero')
if (found?.feed === undefined) throw new Error('there is no format "kyero" with a feed')
const kyero = { ...found, feed: found.feed }

const COLD = 'ours, to objects'
const SMALL = 'ours, to objects, heap of 64 MB'
const HASHED = 'ours, scanner and hash'
const UNCHANGED = 'ours, nothing new, with Postgres'
const SAXES = 'saxes, one pass'
const SAX = 'sax, one pass'
const FAST = 'fast-xml-parser, whole file'

interface Contender {
  reader: ReaderName
  /** What it may have of V8's old memory, where that is not what Node gives. */
  heapMb?: number
}

const CONTENDERS: Readonly<Record<string, Contender>> = {
  [COLD]: { reader: 'cold' },
  [SAXES]: { reader: 'saxes-one-pass' },
  [HASHED]: { reader: 'hashed' },
  [UNCHANGED]: { reader: 'unchanged' },
  // One record and one chunk are held, however large the file: if that were not so, it would end here.
  [SMALL]: { reader: 'cold', heapMb: 64 },
  [SAX]: { reader: 'sax' },
  [FAST]: { reader: 'fast-xml-parser', heapMb: 6_144 }
}

/** A file larger than this takes it gigabytes, and a text of V8 cannot hold it. */
const FAST_MAX_MB = 256
/** Of the records over which the readers must agree before they are measured. */
const AGREE_BYTES = 400_000

const read = async (
  { reader, heapMb }: Contender,
  file: string,
  ...options: readonly string[]
): Promise<Reading> => {
  const program = join(import.meta.dirname, '_read-feed.ts')
  const heap = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`]
  return JSON.parse(await runToEnd(process.execPath, [...heap, program, reader, file, ...options])) as Reading
}

/** Whoever does less may not win by that: all must make the same objects of the same file. */
const assertAgreement = async (file: string): Promise<void> => {
  await writeKyeroFeed(file, AGREE_BYTES)
  const readers: readonly ReaderName[] = ['cold', 'saxes-one-pass', 'sax', 'fast-xml-parser']
  const digests = await Promise.all(
    readers.map(async (reader) => (await read({ reader }, file, '--digest')).digest)
  )
  if (new Set(digests).size > 1)
    throw new Error(`the readers disagree: ${readers.join(', ')}, ${digests.join(', ')}`)
}

const measure = async ({ sizes, note, sample, goal, cleanup }: Running<'mb' | 'rounds'>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  cleanup(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'feed.xml')
  await assertAgreement(file)
  const feed = await writeKyeroFeed(file, sizes.mb * 1e6)
  note(`${feed.records.toLocaleString('en')} records, ${(feed.bytes / 1e6).toFixed(0)} MB`)

  const database = await createDatabase()
  cleanup(() => database.drop())
  await rememberFeed(database.db, file, kyero)
  note('and all of them are in Postgres')

  const contenders = Object.entries(CONTENDERS).filter(([name]) => name !== FAST || sizes.mb <= FAST_MAX_MB)
  for (let round = 1; round <= sizes.rounds; round++) {
    for (const [name, contender] of contenders) {
      const { records, ms, peakMb } = await read(
        contender,
        file,
        ...(contender.reader === 'unchanged' ? [database.url] : [])
      )
      if (records !== feed.records) throw new Error(`${name} found ${records} of ${feed.records} records`)
      sample(name, 'MB/s', feed.bytes / 1e3 / ms)
      sample(name, 'records/s', (records * 1e3) / ms)
      sample(name, 'peak MB', peakMb)
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(COLD, SAXES, 'MB/s', 0.85)
  goal(HASHED, SAXES, 'MB/s', 4)
}

await runBench({
  name: 'feed',
  about:
    'a Kyero file in Spanish and Russian, from bytes to objects, or to what is known of them: ours, saxes, sax and fast-xml-parser',
  sizes: {
    mb: {
      about: `size of the file; above ${FAST_MAX_MB} without fast-xml-parser`,
      fallback: 250,
      min: 1,
      max: 1_000
    },
    rounds: { about: 'how often each reads it', fallback: 2, min: 1, max: 20 }
  },
  run: measure
})
