import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Format } from '../format.ts'
import { toPublishedSchema } from '../publish-schema.ts'
import { FORMATS_DIR } from './fixtures.ts'

/** `schema.json` of a format whose vendors validate against it; sealing keeps it what the parser uses. */
const fileOf = (format: Format, formatsDir: string): string => join(formatsDir, format.name, 'schema.json')

const published = (format: Format): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: `${format.title}: one record`,
  ...toPublishedSchema(format.recordSchema)
})

/** Whether the file, if the format publishes one, says what the parser does. */
export const isSchemaCurrent = (format: Format, formatsDir: string = FORMATS_DIR): boolean => {
  const file = fileOf(format, formatsDir)
  if (!existsSync(file)) return true
  const written: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return JSON.stringify(written) === JSON.stringify(published(format))
}

/** Brings the file, if there is one, up to date. */
export const publishSchema = (format: Format, formatsDir: string = FORMATS_DIR): void => {
  if (isSchemaCurrent(format, formatsDir)) return
  writeFileSync(fileOf(format, formatsDir), `${JSON.stringify(published(format), undefined, 2)}\n`)
}
