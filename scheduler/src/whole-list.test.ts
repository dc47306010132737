import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDemoOffers, toKyero } from '@sluice/examples/costa-demo'
import { findFormat, isWholeList } from '@sluice/shared/formats'
import { readRecords, type DocumentEnd, type RecordLayout } from '@sluice/shared/records'
import { toReading } from './verdict.ts'

/** What a file proves of what it does not hold: nothing, unless it is whole. */

const layout = findFormat('kyero')?.feed?.records
if (layout === undefined) throw new Error('the format kyero has no feed')

const endOf = async (file: string | Buffer, of: RecordLayout): Promise<DocumentEnd> => {
  const pieces = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(file)
  }
  for await (const event of readRecords(pieces(), of)) if (event.kind === 'end') return event
  throw new Error('no end')
}
const proves = async (file: string | Buffer): Promise<boolean> => {
  const end = await endOf(file, layout)
  try {
    const unread = { malformed: end.malformed, unidentified: end.malformed }
    return toReading(end, unread, undefined).snapshot === 'complete'
  } catch {
    return false
  }
}

describe('a file', () => {
  const file = Buffer.from([...toKyero(createDemoOffers(12))].join(''))
  const wholeFrom = file.lastIndexOf('</root>') + '</root>'.length

  test('that is whole proves what it lacks', async () => {
    expect(await proves(file)).toBe(true)
    expect(await proves(file.subarray(0, wholeFrom))).toBe(true)
  })

  test('that is cut anywhere proves nothing: 200 places by chance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: wholeFrom - 1 }), async (at) => {
        expect(await proves(file.subarray(0, at))).toBe(false)
      }),
      { numRuns: 200 }
    )
  })

  test.each([
    ['an empty one', ''],
    ['an error page', '<!DOCTYPE html><html><body>Bad gateway</body></html>'],
    ['a message', 'Fatal error: out of memory']
  ])('%s proves nothing', async (_name, content) => {
    expect(await proves(content)).toBe(false)
  })
})

describe('a file that says what it is', () => {
  const openimmo: RecordLayout = {
    kind: 'xml',
    paths: [['openimmo', 'anbieter', 'immobilie']],
    lists: [],
    extent: { path: ['openimmo', 'uebertragung', '@umfang'], full: ['VOLL'], part: ['TEIL'] }
  }
  const of = (extent: string): string =>
    `<openimmo><uebertragung umfang="${extent}"/><anbieter><immobilie><id>1</id></immobilie></anbieter></openimmo>`

  test('one that is short of the records it declares is not whole', async () => {
    const counted: RecordLayout = { ...openimmo, count: ['openimmo', 'uebertragung', '@anzahl'] }
    const holding = (count: number): string => of('VOLL').replace('umfang=', `anzahl="${count}" umfang=`)
    expect((await endOf(holding(1), counted)).complete).toBe(true)
    expect(await endOf(holding(2), counted)).toMatchObject({ complete: false, fault: { code: 'FEED_COUNT' } })
  })

  test.each([
    ['VOLL', true],
    ['TEIL', false]
  ])('%s: absence counts: %s', async (word, isWhole) => {
    const { complete, extent } = await endOf(of(word), openimmo)
    expect([complete, isWholeList('absent-if-file-is-full', extent)]).toEqual([true, isWhole])
    expect(isWholeList('absent-from-snapshot', extent)).toBe(isWhole)
  })

  test('one that says nothing is full only where every file is', () => {
    expect(isWholeList('absent-from-snapshot', undefined)).toBe(true)
    expect(isWholeList('absent-if-file-is-full', undefined)).toBe(false)
    for (const gone of ['verb-in-record', 'expiry-date', 'explicit-call'] as const) {
      expect(isWholeList(gone, 'full')).toBe(false)
    }
  })
})
