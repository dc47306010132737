import type { DeadLetterAct } from '@sluice/prisma/tables/dead-letter-acts'
import type { DeadLetterCount, DeadLetterRow } from '@sluice/prisma/tables/dead-letters'
import { renderFields, renderTable, toned, type Cell, type Screen } from './render.ts'
import { clean, counted, formatCount } from './text.ts'
import { toTableWhen, toWhen } from './when.ts'

/** How dead letters are shown, as text and as documents. Pure. */

export type Letter = DeadLetterRow & { body: Uint8Array }

export const settledOf = (row: DeadLetterRow): 'open' | 'replayed' | 'discarded' =>
  row.discardedAt !== undefined ? 'discarded' : row.replayedAt !== undefined ? 'replayed' : 'open'

const stateOf = (row: DeadLetterRow): Cell => {
  const state = settledOf(row)
  return toned(state, state === 'open' ? 'warn' : 'dim')
}

export const toLetterDocument = (row: DeadLetterRow): Record<string, unknown> => ({
  id: row.id,
  state: settledOf(row),
  vendor: typeof row.headers['vendor'] === 'string' ? row.headers['vendor'] : null,
  source: row.source ?? null,
  offer: row.externalId ?? null,
  lane: row.lane ?? null,
  messageId: row.messageId ?? null,
  routingKey: row.routingKey,
  fault: { class: row.faultClass ?? null, code: row.faultCode, message: row.faultMessage ?? null },
  attempts: row.attempts,
  firstSeenAt: row.firstSeenAt ?? null,
  deadAt: row.deadAt,
  replayedAt: row.replayedAt ?? null,
  replays: row.replays,
  discardedAt: row.discardedAt ?? null,
  discardReason: row.discardReason ?? null
})

/** The body as JSON where it is, else as it came: in base64, because a document is text. */
export const bodyOf = ({ body }: Letter): { body: unknown; bodyEncoding: 'json' | 'base64' } => {
  const json = jsonOf(body)
  return json === undefined
    ? { body: Buffer.from(body).toString('base64'), bodyEncoding: 'base64' }
    : { body: json, bodyEncoding: 'json' }
}

const jsonOf = (body: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    return undefined
  }
}

export const renderLetters = (letters: readonly DeadLetterRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: '#' },
      { title: 'SOURCE', shrinkTo: 20 },
      { title: 'OFFER', shrinkTo: 24 },
      { title: 'CODE' },
      { title: 'WHAT', shrinkTo: 30, drop: 2 },
      { title: 'STATE', drop: 3 },
      { title: 'DIED', drop: 1 }
    ],
    letters.map((row) => [
      row.id,
      row.source ?? '',
      row.externalId ?? '',
      row.faultCode,
      row.faultMessage ?? '',
      stateOf(row),
      toTableWhen(row.deadAt, now)
    ]),
    screen
  )

export const renderLetterCounts = (counts: readonly DeadLetterCount[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'SOURCE', shrinkTo: 20 },
      { title: 'CODE' },
      { title: 'COUNT', align: 'right' },
      { title: 'OLDEST', drop: 1 },
      { title: 'NEWEST' }
    ],
    [
      ...counts.map(({ source = '', faultCode, count, oldestAt, newestAt }) => [
        source,
        faultCode,
        formatCount(count),
        toTableWhen(oldestAt, now),
        toTableWhen(newestAt, now)
      ]),
      [toned('total', 'strong'), '', formatCount(counts.reduce((sum, { count }) => sum + count, 0)), '', '']
    ],
    screen
  )

const actLine = ({ act, actor, reason, at }: DeadLetterAct, now: Date): readonly [string, Cell] => [
  act,
  `${toWhen(at, now)} by ${actor}${reason === undefined ? '' : `: ${reason}`}`
]

export const renderLetter = (
  letter: Letter,
  acts: readonly DeadLetterAct[],
  now: Date,
  screen: Screen
): string => {
  const json = jsonOf(letter.body)
  const body = json === undefined ? Buffer.from(letter.body).toString('utf8') : JSON.stringify(json, null, 2)
  return [
    renderFields(
      [
        ['dead letter', toned(letter.id, 'strong')],
        ['state', stateOf(letter)],
        ['died of', toned(letter.faultCode, 'bad')],
        ...(letter.faultMessage === undefined ? [] : [['what', letter.faultMessage] as const]),
        ...(letter.faultClass === undefined ? [] : [['class', letter.faultClass] as const]),
        ['attempts', String(letter.attempts)],
        ...(letter.firstSeenAt === undefined
          ? []
          : [['first seen', toWhen(letter.firstSeenAt, now)] as const]),
        ['died', toWhen(letter.deadAt, now)],
        ...acts.map((act) => actLine(act, now)),
        ['source', letter.source ?? 'unknown'],
        ['offer', letter.externalId ?? 'unknown'],
        ['message', letter.messageId ?? 'without an id'],
        ['routing key', letter.routingKey]
      ],
      screen
    ),
    `Headers:\n${renderFields(
      Object.entries(letter.headers).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value)
      ]),
      screen
    )}`,
    `Body (${counted(letter.body.length, 'byte')}${json === undefined ? ', not JSON' : ''}):\n${clean(body, true)}`
  ].join('\n\n')
}
