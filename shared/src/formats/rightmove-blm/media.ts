import { isObject } from '../json-schema.ts'
import type { OfferContent } from '../../offer.ts'

/** Pictures 60 and up are energy certificates, and no pictures to show. */
const IMAGE = /^MEDIA_IMAGE_([0-5]\d)$/
const FLOOR_PLAN = /^MEDIA_FLOOR_PLAN_(\d\d)$/
const TOUR = /^MEDIA_VIRTUAL_TOUR_(\d\d)$/
const ADDRESS = /^(https?|ftp):\/\/\S+$/i
const MAX_ADDRESS_LENGTH = 2_048
const MAX_CAPTION_LENGTH = 500

export interface RightmoveMedia {
  media: NonNullable<OfferContent['media']>
  /** The columns that are in it; a picture that travels as a file beside the BLM has no address, and is not. */
  columns: ReadonlySet<string>
}

/** What a row shows: pictures, plans and tours, each in the order of their numbers. */
export const mediaOf = (row: unknown): RightmoveMedia => {
  const columns = new Set<string>()
  const media: RightmoveMedia['media'] = []
  const cells = Object.entries(isObject(row) ? row : {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const add = (columnsOf: RegExp, category: string): void => {
    for (const [name, value] of cells) {
      const url = columnsOf.test(name) ? textOf(value) : undefined
      if (url === undefined || url.length > MAX_ADDRESS_LENGTH || !ADDRESS.test(url)) continue
      const captionColumn = name.replace(/(\d\d)$/, 'TEXT_$1')
      const caption = textOf((row as Record<string, unknown>)[captionColumn])
      const hasCaption = caption !== undefined && caption.length <= MAX_CAPTION_LENGTH
      media.push({ url, ...(hasCaption ? { caption } : {}), category })
      columns.add(name)
      if (hasCaption) columns.add(captionColumn)
    }
  }
  add(IMAGE, 'photo')
  add(FLOOR_PLAN, 'floorPlan')
  add(TOUR, 'virtualTour')
  return { media, columns }
}

const textOf = (value: unknown): string | undefined => {
  const text = typeof value === 'string' ? value.trim() : ''
  return text === '' ? undefined : text
}
