import { describe, expect, it } from 'vitest'
import { placeOf } from './place.ts'

const key = (location: Parameters<typeof placeOf>[0]): string => placeOf(location).key

describe('a place', () => {
  it('is the same whatever the case, the white space and the encoding of its accents', () => {
    const one = key({ country: 'Spain', city: 'Almuñécar' })
    expect(key({ country: ' SPAIN ', city: 'Almuñécar' })).toBe(one)
    expect(key({ country: 'Spain', city: 'ALMUÑÉCAR\n' })).toBe(one)
  })

  it('is another one when a name is elsewhere', () => {
    expect(key({ country: 'Spain', city: 'Granada' })).not.toBe(
      key({ country: 'Spain', stateOrProvince: 'Granada' })
    )
    expect(key({ country: 'a', city: 'b c' })).not.toBe(key({ country: 'a', city: 'b', district: 'c' }))
    expect(key({ country: 'a', city: 'b\u001Fc' })).not.toBe(key({ country: 'a', city: 'b', district: 'c' }))
  })

  it('ignores where in the place the offer is', () => {
    expect(key({ country: 'Spain', street: 'Calle Mayor 1', postalCode: '18690' })).toBe(
      key({ country: 'Spain' })
    )
  })
})
