import { expect, test } from 'vitest'
import { OUTCOMES } from '@sluice/shared/change'
import type { Preview } from '@sluice/scheduler/preview'
import { renderPreview, toPreviewDocument } from './preview-view.ts'

const SCREEN = { width: 100, color: false }
const OF = { feed: 'acme-kyero', from: 'https://acme.example/kyero.xml' }
const none = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Preview['outcomes']

const preview: Preview = {
  figures: {
    bytesRead: 2_000,
    recordsSeen: 120,
    skipped: 113,
    published: 4,
    malformed: 2,
    duplicates: 1,
    vanished: 2
  },
  reading: { snapshot: 'complete', errorCode: 'FEED_RECORDS', errorMessage: '2 of the records are bad' },
  bytesTotal: 2_000,
  sha256: 'ab',
  outcomes: { ...none, updated: 3, rejected: 1, withdrawn: 2 },
  removals: { state: 'sent', known: 122, gone: 2 },
  gone: ['X-1'],
  changed: 3,
  changes: [
    {
      externalId: 'X-7',
      kind: 'updated',
      units: {
        media: { old: [{ url: 'https://acme.example/1.jpg' }] },
        listPrice: {
          old: { amount: '250000', currency: 'EUR' },
          new: { amount: '240000', currency: 'EUR' }
        }
      }
    }
  ],
  rejections: [
    {
      externalId: 'X-9',
      ordinal: 3,
      offset: 1_200,
      code: 'RECORD_INVALID',
      path: '/price',
      message: 'is no number'
    }
  ],
  problems: [{ offset: 90, ordinal: 1, code: 'RECORD_SYNTAX', message: 'a tag is not closed' }]
}

test('says in figures what a run would do, then how offers would change, unit by unit', () => {
  expect(renderPreview(preview, OF, SCREEN)).toBe(
    `
preview of  acme-kyero
from        https://acme.example/kyero.xml
file        2,000 bytes, complete: 2 of the records are bad (FEED_RECORDS)
records     120 seen, 4 to send, 113 skipped (unchanged), 2 unreadable, 1 twice
outcomes    3 updated, 2 withdrawn, 1 rejected
vanished    2 of 122 would be withdrawn
gone        X-1, …

Changes (the first 1 of 3):
X-7 updated
  listPrice  250,000 EUR → 240,000 EUR
  media      1: https://acme.example/1.jpg → nothing

Rejected (1):
 BYTE  RECORD  OFFER  CODE            WHAT
1,200       3  X-9    RECORD_INVALID  /price: is no number

Problems (the first 1):
BYTE  RECORD  OFFER  CODE           WHAT
  90       1         RECORD_SYNTAX  a tag is not closed
`.trim()
  )
})

test.each<[string, Partial<Preview>, RegExp]>([
  [
    'too much to believe',
    {
      figures: { ...preview.figures, vanished: 0 },
      removals: { state: 'pending', known: 9, gone: 9 },
      held: { code: 'GONE_ALL', message: 'all 9 would go' }
    },
    /^vanished +would be held: all 9 would go \(GONE_ALL\)$/m
  ],
  [
    'held but for what was released',
    {
      removals: { state: 'pending', known: 9, gone: 9 },
      held: { code: 'GONE_TOO_MANY', message: 'too many' }
    },
    /would be held: too many \(GONE_TOO_MANY\); 2 offers would be withdrawn, as somebody has\s+released/
  ],
  [
    'an older list',
    { removals: { state: 'none', known: 9, gone: 2 } },
    /^vanished +2 of 9 missing, withdrawn when the file is found again\s+\(FEED_OLDER\)$/m
  ],
  ['a list that holds all', { removals: { state: 'none', known: 9, gone: 0 }, gone: [] }, /^vanished +none$/m]
])('of what is gone: %s', (_, part, expected) => {
  expect(renderPreview({ ...preview, ...part }, OF, SCREEN)).toMatch(expected)
})

test('a file that is no whole list withdraws nothing, and says why', () => {
  const { removals: _, ...listless } = preview
  const figures = { ...preview.figures, vanished: 0 }
  const shown = (part: Partial<Preview>): string =>
    renderPreview({ ...listless, figures, gone: [], ...part }, OF, SCREEN)
  expect(shown({})).toMatch(/^vanished +nothing would be withdrawn: the file is no list of all offers$/m)
  expect(
    shown({ reading: { snapshot: 'partial', errorCode: 'FEED_CUT_SHORT', errorMessage: 'Cut.' } })
  ).toMatch(/partial: Cut \(FEED_CUT_SHORT\)$.*the file was not read whole$/ms)
  expect(shown({ unchangedSince: '41' })).toMatch(/the same as run 41 read: the run would end at once$/m)
})

test('as a document it has the names a run has, and null for what is absent', () => {
  expect(toPreviewDocument(preview, OF)).toMatchObject({
    ...OF,
    recordsSeen: 120,
    outcomes: { updated: 3 },
    unchangedSince: null,
    removals: { state: 'sent', known: 122, gone: 2, code: null, reason: null },
    error: { code: 'FEED_RECORDS' },
    changes: [{ offer: 'X-7', kind: 'updated' }],
    rejections: [{ offer: 'X-9', offset: 1_200, path: '/price' }],
    problems: [{ offset: 90, offer: null }]
  })
})
