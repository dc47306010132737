import { setTimeout as sleep } from 'node:timers/promises'
import { emptyCopy, type OfferCopy } from '../../../examples/src/offer-copy/copy.ts'
import { loadCopy as loadRealCopy, saveCopy as saveWholeCopy } from '../../../examples/src/offer-copy/file.ts'

let saved: OfferCopy = emptyCopy()

export const loadCopy = async (path: string): Promise<OfferCopy> => {
  const copy = await loadRealCopy(path)
  saved = { ...copy, offers: new Map(copy.offers) }
  return copy
}

/** As the real one, but the place is written before what is to be found up to it. */
export const saveCopy = async (path: string, copy: OfferCopy): Promise<void> => {
  await saveWholeCopy(path, { position: copy.position, offers: saved.offers })
  await sleep(100) // as long as a round trip to a busy database, on a machine where it lives but a moment
  await saveWholeCopy(path, copy)
  saved = { ...copy, offers: new Map(copy.offers) }
}
