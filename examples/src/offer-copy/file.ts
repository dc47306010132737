import { open, readFile, rename } from 'node:fs/promises'
import { emptyCopy, type CopiedOffer, type OfferCopy } from './copy.ts'

/**
 * The copy as a JSON file. Offers and position are written together or not at all: whoever is killed has the copy of
 * before, and reads on from there. In a database, that is one transaction.
 */
export const saveCopy = async (path: string, { position, offers }: OfferCopy): Promise<void> => {
  const draft = await open(`${path}.new`, 'w')
  try {
    await draft.writeFile(JSON.stringify({ position, offers: [...offers.values()] }))
    await draft.sync()
  } finally {
    await draft.close()
  }
  await rename(`${path}.new`, path)
}

/** An empty copy when there is no file yet. */
export const loadCopy = async (path: string): Promise<OfferCopy> => {
  const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined
    throw thrown
  })
  if (text === undefined) return emptyCopy()
  const { position, offers } = JSON.parse(text) as { position: number; offers: CopiedOffer[] }
  return {
    position,
    offers: new Map(offers.map((offer) => [`${offer.vendor} ${offer.externalId}`, offer]))
  }
}
