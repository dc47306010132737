import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runToEnd } from '../../test/support/process.ts'
import { runBench, type Running } from './_bench.ts'
import { writeKyeroFeed } from './_kyero-feed.ts'
import type { ReaderName, Reading } from './_read-feed.ts'

const COLD = 'ours, everything new'
const UNCHANGED = 'ours, nothing new'
const SAXES = 'saxes, one pass'
const FAST = 'fast-xml-parser, whole file'
const READERS: Readonly<Record<string, ReaderName>> = {
  [COLD]: 'cold',
  [SAXES]: 'saxes-one-pass',
  [UNCHANGED]: 'unchanged',
  [FAST]: 'fast-xml-parser'
}

/** A file larger than this takes it minutes and gigabytes. */
const FAST_MAX_MB = 60
/** Of the records over which the readers must agree before they are measured. */
const AGREE_BYTES = 400_000

const read = async (reader: ReaderName, file: string, ...options: readonly string[]): Promise<Reading> => {
  const program = join(import.meta.dirname, '_read-feed.ts')
  return JSON.parse(await runToEnd(process.execPath, [program, reader, file, ...options])) as Reading
}

/** Whoever does less may not win by that: all must make the same objects of the same file. */
const assertAgreement = async (file: string): Promise<void> => {
  await writeKyeroFeed(file, AGREE_BYTES)
  const readers: readonly ReaderName[] = ['cold', 'saxes-one-pass', 'fast-xml-parser']
  const digests = await Promise.all(
    readers.map(async (reader) => (await read(reader, file, '--digest')).digest)
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

  const readers = Object.entries(READERS).filter(([name]) => name !== FAST || sizes.mb <= FAST_MAX_MB)
  for (let round = 1; round <= sizes.rounds; round++) {
    for (const [name, reader] of readers) {
      const { records, ms, peakMb } = await read(reader, file)
      if (records !== feed.records) throw new Error(`${name} found ${records} of ${feed.records} records`)
      sample(name, 'MB/s', feed.bytes / 1e3 / ms)
      sample(name, 'records/s', (records * 1e3) / ms)
      sample(name, 'peak MB', peakMb)
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(COLD, SAXES, 'MB/s', 0.85)
  goal(UNCHANGED, SAXES, 'MB/s', 4)
}

await runBench({
  name: 'feed-read',
  about: 'a Kyero file in Spanish and Russian, from bytes to objects: ours, saxes and fast-xml-parser',
  sizes: {
    mb: {
      about: `size of the file; above ${FAST_MAX_MB} without fast-xml-parser`,
      fallback: 60,
      min: 1,
      max: 1_000
    },
    rounds: { about: 'how often each reads it', fallback: 3, min: 1, max: 20 }
  },
  run: measure
})
