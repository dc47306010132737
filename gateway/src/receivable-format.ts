import type { Format } from '@sluice/shared/formats'
import type { Logger } from '@sluice/shared/log'
import { Refusal } from './errors.ts'
import type { Source } from './source-store.ts'

export type FindFormat = (name: string) => Format | undefined

/**
 * The format the records of a source come in.
 * @throws Refusal FORMAT_UNAVAILABLE: the source is set to a format this release does not have, or not for webhooks.
 */
export const receivableFormat = (source: Source, findFormat: FindFormat, log: Logger): Format => {
  const format = findFormat(source.format)
  if (format?.webhook === true) return format
  // Not the sender's fault, so not a 4xx.
  log.error({ source: source.slug, format: source.format }, 'source has a format that cannot be received')
  throw new Refusal(
    'FORMAT_UNAVAILABLE',
    'This source is not set up correctly on our side. Send it again later.'
  )
}
