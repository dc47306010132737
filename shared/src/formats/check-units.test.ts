import { expect, test } from 'vitest'
import { checkUnits } from './check-units.ts'
import { definedUnits } from './units.ts'

const check = (units: object): unknown => {
  try {
    checkUnits(units)
    return 'fine'
  } catch (error) {
    return (error as { path?: string }).path
  }
}

test('valid units pass', () => {
  expect(check({ transaction: 'sale', 'text.bg': { title: 'Апартамент' }, extras: { any: [1] } })).toBe(
    'fine'
  )
})

test.each([
  [{ nobody: 1 }, '/nobody'],
  [{ 'text.EN': { title: 'x' } }, '/text.EN'],
  [{ transaction: 'gift' }, '/transaction'],
  [{ coordinates: { latitude: 91, longitude: 0 } }, '/coordinates/latitude'],
  [{ media: [{ url: 'nowhere' }] }, '/media/0/url'],
  [{ links: { EN: 'https://example.com' } }, '/links/EN'],
  [{ extras: { '': 1 } }, '/extras/']
])('%j is refused at its path', (units, path) => expect(check(units)).toBe(path))

test('more extras than any vendor has are refused', () => {
  const extras = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [index, 1]))
  expect(check({ extras: extras(1_000) })).toBe('fine')
  expect(check({ extras: extras(1_001) })).toBe('/extras')
})

test('what says nothing is no unit', () => {
  expect(
    definedUnits({
      transaction: undefined,
      rooms: { bedroomsTotal: undefined },
      features: [],
      floor: { floor: 0, floorsTotal: undefined },
      construction: { newConstruction: false }
    })
  ).toEqual({ floor: { floor: 0 }, construction: { newConstruction: false } })
})
