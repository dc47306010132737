import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Sql } from '@sluice/prisma/client'
import { readChanges } from '@sluice/prisma/tables/offer-changes'
import { streamPosition } from '@sluice/prisma/tables/offer-stream'
import type { WholeOfferChange } from '@sluice/shared/offer-change'
import { renderChangeLine, renderChanges } from '../change-view.ts'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import * as input from '../input.ts'

const POLL_MS = 250
const FOLLOWED_AT_ONCE = 500

interface ChangesOptions {
  after?: number
  limit: number
  follow?: true
}

/** `sluice offers changes`: the stream out, as consumers hear it. */
export const addOfferChanges = (offers: Command, { out, sql, interruption }: Context): void => {
  withExamples(
    offers
      .command('changes')
      .summary('read the stream of changes')
      .description(
        'Shows what has changed in offers, in the order of the stream: every change has its place `seq`, without gaps. ' +
          'Whoever reads on after the last one seen misses nothing. With --json a change is the document that the ' +
          'exchange `offers` carries (docs/stream.md).'
      )
      .option('--after <seq>', 'changes after this place; from the beginning unless told', input.seq)
      .option('--limit <count>', 'how many', input.limit, 50)
      .option(
        '--follow',
        'go on with changes as they come, from now on or --after; with --json one document a line'
      )
      .action(async ({ after, limit, follow }: ChangesOptions) => {
        const store = await sql()
        const { lastSeq } = await streamPosition(store)
        if (follow === true) {
          const show = (change: WholeOfferChange): void =>
            out.item(change, (screen) => renderChangeLine(change, screen))
          return await followChanges(store, after ?? lastSeq, interruption(), show)
        }
        const changes = await readChanges(store, { after: after ?? 0, limit })
        const shownTo = changes.at(-1)?.seq
        const next = shownTo !== undefined && shownTo < lastSeq ? shownTo : undefined
        out.answer({ changes, next: next ?? null, last: lastSeq }, (screen) =>
          changes.length === 0
            ? `No changes after ${after ?? 0}; the last one is ${lastSeq}.`
            : renderChanges(changes, out.now, screen)
        )
        if (next !== undefined) out.note(`More: sluice offers changes --after ${next} (up to ${lastSeq})`)
      }),
    ['sluice offers changes --follow', 'what changes from now on, until Ctrl-C'],
    ['sluice offers changes --after 4711 --limit 500', 'a page of it'],
    ["sluice offers changes --follow --json | jq -c '[.seq, .vendor, .externalId]'", 'for a script']
  )
}

/** Every change after `after`, in order, until interrupted. */
const followChanges = async (
  sql: Sql,
  after: number,
  interrupted: AbortSignal,
  show: (change: WholeOfferChange) => void
): Promise<void> => {
  let seen = after
  while (!interrupted.aborted) {
    const changes = await readChanges(sql, { after: seen, limit: FOLLOWED_AT_ONCE })
    for (const change of changes) show(change)
    seen = changes.at(-1)?.seq ?? seen
    if (changes.length === 0) {
      await sleep(POLL_MS, undefined, { signal: interrupted }).catch(() => undefined) // stopped
    }
  }
}
