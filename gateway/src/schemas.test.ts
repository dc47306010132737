import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { OUTCOMES } from '@sluice/shared/change'
import { REQUIRED_UNITS } from '@sluice/shared/offer'
import { OUTCOME_WORDS } from './outcome-words.ts'
import { DELIVERY_SCHEMA, RECEIVE_SCHEMA } from './schemas.ts'

/** The fields of the units an offer cannot be without. */
const FIELDS = {
  transaction: 'transaction',
  propertyType: 'property',
  listPrice: 'price',
  location: 'location'
}

it('the operation says what a sender must know: three kinds, what is required, what is cleared, which time counts', () => {
  const { description } = RECEIVE_SCHEMA
  expect(Object.keys(FIELDS).toSorted()).toEqual(REQUIRED_UNITS.toSorted())
  const told = ['upsert', 'patch', 'withdraw', 'null', 'updatedAt', ...Object.values(FIELDS)]
  for (const word of told) expect(description).toContain(`\`${word}\``)
  expect(description).toContain('What it leaves out is cleared')
  expect(description).toContain('A moment in the future counts as the moment of receipt')
})

it('every outcome is explained, on the page and in the manual', () => {
  const words = Object.entries(OUTCOME_WORDS)
  expect(Object.keys(OUTCOME_WORDS).toSorted()).toEqual(
    ['queued', ...OUTCOMES.filter((outcome) => outcome !== 'retried')].toSorted()
  )
  const manual = readFileSync(new URL('../../docs/gateway.md', import.meta.url), 'utf8').replaceAll(
    / +/g,
    ' '
  )
  const page = JSON.stringify(DELIVERY_SCHEMA.response[200])
  for (const [outcome, text] of words) {
    expect(manual).toContain(`| \`${outcome}\` | ${text} |`)
    expect(page).toContain(`\`${outcome}\`: ${text}`)
  }
})
