import type { OfferContent, PROPERTY_TYPES } from '../../offer.ts'

type PropertyType = (typeof PROPERTY_TYPES)[number]

/** The numbers of `PROP_SUB_ID` with Rightmove's names for them. One that is not here is `other`, never a rejection. */
const NAMES: Record<PropertyType, Readonly<Record<number, string>>> = {
  apartment: {
    7: 'Ground floor flat',
    8: 'Flat',
    9: 'Studio flat',
    10: 'Ground floor maisonette',
    11: 'Maisonette',
    28: 'Apartment',
    29: 'Penthouse',
    44: 'Serviced apartment',
    56: 'Duplex',
    59: 'Triplex'
  },
  house: {
    1: 'Terraced house',
    2: 'End of terrace house',
    3: 'Semi-detached house',
    4: 'Detached house',
    5: 'Mews house',
    6: 'Cluster house',
    12: 'Bungalow',
    13: 'Terraced bungalow',
    14: 'Semi-detached bungalow',
    15: 'Detached bungalow',
    16: 'Mobile home',
    21: 'Link detached house',
    22: 'Town house',
    23: 'Cottage',
    24: 'Chalet',
    25: 'Character property',
    26: 'House',
    27: 'Villa',
    30: 'Finca',
    43: 'Barn conversion',
    50: 'Park home',
    52: 'Farm house',
    62: 'Longere',
    65: 'Gite',
    68: 'Barn',
    71: 'Trulli',
    92: 'Castle',
    95: 'Village house',
    101: 'Cave house',
    104: 'Cortijo',
    113: 'Country house',
    116: 'Stone house',
    118: 'Lodge',
    119: 'Log cabin',
    120: 'Manor house',
    121: 'Stately home',
    128: 'Semi-detached villa',
    131: 'Detached villa',
    140: 'Riad',
    511: 'Coach house',
    512: 'House of multiple occupation'
  },
  room: { 48: 'House share', 49: 'Flat share', 142: 'Hotel room' },
  land: {
    20: 'Land (residential)',
    107: 'Farm land',
    110: 'Plot',
    241: 'Land (commercial)',
    304: 'Smallholding'
  },
  commercial: {
    53: 'Equestrian facility',
    80: 'Restaurant',
    83: 'Cafe',
    134: 'Bar/Nightclub',
    137: 'Shop',
    178: 'Office',
    181: 'Business park',
    184: 'Serviced office',
    187: 'Retail property (high street)',
    190: 'Retail property (out of town)',
    193: 'Convenience store',
    199: 'Hairdresser/Barber shop',
    202: 'Hotel',
    205: 'Petrol station',
    208: 'Post office',
    211: 'Pub',
    214: 'Workshop & retail space',
    217: 'Distribution warehouse',
    220: 'Factory',
    223: 'Heavy industrial',
    226: 'Industrial park',
    229: 'Light industrial',
    232: 'Storage',
    235: 'Showroom',
    238: 'Warehouse',
    244: 'Commercial development',
    247: 'Industrial development',
    253: 'Commercial property',
    256: 'Data centre',
    259: 'Farm',
    262: 'Healthcare facility',
    265: 'Marine property',
    268: 'Mixed use',
    271: 'Research & development facility',
    274: 'Science park',
    277: 'Guest house',
    280: 'Hospitality',
    283: 'Leisure facility',
    298: 'Takeaway',
    301: 'Childcare facility',
    307: 'Place of worship',
    310: 'Trade counter',
    535: 'Sports facilities',
    538: 'Spa',
    541: 'Campsite & holiday village'
  },
  parking: { 45: 'Parking', 51: 'Garages', 196: 'Garages' },
  building: { 143: 'Block of apartments', 250: 'Residential development' },
  other: {
    46: 'Sheltered housing',
    47: 'Retirement property',
    74: 'Mill',
    77: 'Ruins',
    86: 'Mill',
    117: 'Caravan',
    125: 'Off-plan',
    141: 'House boat',
    144: 'Private halls'
  }
}

const BY_NUMBER: ReadonlyMap<number, { type: PropertyType; subType: string }> = new Map(
  Object.entries(NAMES).flatMap(([type, names]) =>
    Object.entries(names).map(([number, subType]) => [
      Number(number),
      { type: type as PropertyType, subType }
    ])
  )
)

/** None, or 0, is a type that is not specified. */
export const toPropertyType = (number = 0): NonNullable<OfferContent['propertyType']> =>
  BY_NUMBER.get(number) ?? { type: 'other', ...(number === 0 ? {} : { subType: String(number) }) }
