import { describe, expect, test } from 'vitest'
import { fromIso } from '@sluice/shared/time'
import { factsOf } from './record-facts.ts'

const context = {
  format: { id: ['head', 'id'], factAt: ['date'] },
  timeZone: 'Europe/Madrid',
  fileFactAt: 5
}
const thrownBy = (record: unknown): unknown => {
  try {
    return factsOf(record, context)
  } catch (error) {
    return error
  }
}

describe('factsOf', () => {
  test('reads the id and the record’s own time, in the zone of its source', () => {
    expect(factsOf({ head: { id: ' 7 ' }, date: '2026-11-23 10:15:00' }, context)).toEqual({
      externalId: '7',
      factAt: fromIso('2026-11-23T09:15:00Z'),
      factAtFrom: 'record'
    })
  })

  test('an id may carry attributes', () => {
    expect(factsOf({ head: { id: { '@type': 'x', '#text': '7' } } }, context)).toMatchObject({
      externalId: '7'
    })
  })

  test.each([{}, { date: '' }, { date: '  ' }, { date: ['a', 'b'] }])(
    '%j states no time: the file’s counts',
    (more) => {
      expect(factsOf({ head: { id: '7' }, ...more }, context)).toEqual({
        externalId: '7',
        factAt: 5,
        factAtFrom: 'file'
      })
    }
  )

  test('a time nobody can read is a warning, not a rejection', () => {
    expect(factsOf({ head: { id: '7' }, date: 'soon' }, context)).toMatchObject({
      factAt: 5,
      factAtFrom: 'file',
      warning: { code: 'FACT_AT_INVALID', path: '/date' }
    })
  })

  test.each([
    {},
    { head: '' },
    { head: { id: '' } },
    { head: { id: {} } },
    { head: { id: ['1', '2'] } },
    'text',
    null
  ])('%j has no id', (record) => {
    expect(thrownBy(record)).toMatchObject({ code: 'RECORD_ID_MISSING', path: '/head/id' })
  })

  test('an id is one line of text', () => {
    expect(thrownBy({ head: { id: 'a\nb' } })).toMatchObject({ code: 'RECORD_ID_INVALID', path: '/head/id' })
  })

  test('an id has an end', () => {
    expect(thrownBy({ head: { id: 'x'.repeat(255) } })).toMatchObject({ externalId: 'x'.repeat(255) })
    expect(thrownBy({ head: { id: 'x'.repeat(256) } })).toMatchObject({ code: 'RECORD_ID_TOO_LONG' })
  })
})
