import { Option, type Command } from 'commander'
import {
  DEAD_LETTER_STATES,
  type DeadLetterFilter,
  type DeadLetterState
} from '@sluice/prisma/tables/dead-letters'
import { UsageError } from './errors.ts'
import * as input from './input.ts'

/** Which dead letters are meant, as the options of every command about them say it. */
export interface LetterOptions {
  source?: string
  vendor?: string
  lane?: string
  class?: string
  code?: string
  offer?: string
  since?: Date
  until?: Date
  state?: DeadLetterState
}

export const withLetterFilter = (command: Command): Command =>
  command
    .option('--source <slug>', 'only of this source')
    .option('--vendor <slug>', 'only of this vendor')
    .option('--lane <lane>', 'only of this lane: webhook or feed')
    .option('--class <fault>', 'only with this class of fault, like TypeError')
    .option('--code <fault>', 'only with this fault code, like ENVELOPE_INVALID')
    .option('--offer <id>', "only of this offer, by the vendor's own id")
    .option('--since <time>', 'only those that died since: a duration ago, like 2h, or a date', input.past)
    .option('--until <time>', 'only those that died before', input.past)

export const withLetterState = (command: Command): Command =>
  command
    .addOption(new Option('--state <state>', 'in this state').choices(DEAD_LETTER_STATES).default('open'))
    .option('--all', 'in any state')

export const toLetterFilter = (options: LetterOptions): DeadLetterFilter => {
  const { source, vendor, lane, class: faultClass, code: faultCode, offer: externalId } = options
  const { since, until, state } = options
  const given = { source, vendor, lane, faultClass, faultCode, externalId, since, until, state }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export interface Chosen extends LetterOptions {
  all?: true
}

/**
 * Letters to do something to: by their numbers, or all open ones that a filter leaves.
 * @throws UsageError when it is both or neither: "everything" must be said
 */
export const chosenLetters = (words: readonly string[], options: Chosen): DeadLetterFilter => {
  const ids = words.map(input.rowId)
  const filter = toLetterFilter(options)
  const isFiltered = Object.keys(filter).length > 0
  if (ids.length > 0 && (options.all === true || isFiltered)) {
    throw new UsageError('LETTERS_MIXED', 'Give numbers, or --all with its filters, not both.')
  }
  if (ids.length > 0) return { ids }
  if (options.all === true) return { ...filter, state: 'open' }
  throw new UsageError('LETTERS_NONE', 'Say which: numbers from `sluice dead-letters list`, or --all.')
}
