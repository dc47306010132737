import { readFile } from 'node:fs/promises'
import { XMLParser } from 'fast-xml-parser'
import { findFormat } from '@sluice/shared/formats'

const kyero = findFormat('kyero')
if (kyero?.feed?.records.kind !== 'xml') throw new Error('there is no format "kyero" with a feed of XML')

/** Elements that are lists by name alone: as little as a program for this one format needs to know. */
export const LIST_NAMES: ReadonlySet<string> = new Set(
  kyero.feed.records.lists.map((path) => path.at(-1) ?? '')
)

/** The records of a Kyero file as most would get them: the file as one text, then all of its objects. */
export const readWholeFile = async (file: string): Promise<{ id: string }[]> => {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    htmlEntities: true,
    isArray: (name) => LIST_NAMES.has(name)
  })
  const { root } = parser.parse(await readFile(file, 'utf8')) as { root: { property: { id: string }[] } }
  return root.property
}
