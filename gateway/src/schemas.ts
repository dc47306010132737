import { Type, type Static } from 'typebox'
import { SluiceRecordSchema, toPublishedSchema } from '@sluice/shared/formats'
import { REFUSALS } from './errors.ts'
import { DELIVERY_EXAMPLES } from './examples.ts'
import { MAX_BODY_BYTES, MAX_RECORDS } from './limits.ts'
import { OUTCOME_WORDS } from './outcome-words.ts'
import { PROBLEM_TYPE } from './problem.ts'

/** What `/docs` says about each route. Documentation only: nothing here validates or changes a request. */

const AcceptedSchema = Type.Object(
  {
    id: Type.String({
      description: 'Id of this delivery, also in `x-request-id`. Record n is message `<id>.<n>`.'
    }),
    records: Type.Integer({ minimum: 1, maximum: MAX_RECORDS, description: 'How many records were stored' })
  },
  { examples: [{ id: '019ab0c4-7d1e-7c3a-9f52-6b1d0e8a4c11', records: 1 }] }
)
export type Accepted = Static<typeof AcceptedSchema>

const DuplicateSchema = Type.Object(
  {
    id: Type.String({ description: 'Id of the delivery that brought this event first' }),
    duplicate: Type.Literal(true)
  },
  { examples: [{ id: '019ab0c4-7d1e-7c3a-9f52-6b1d0e8a4c11', duplicate: true }] }
)
export type Duplicate = Static<typeof DuplicateSchema>

const problemSchema = (codes: readonly string[]) =>
  Type.Object({
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong with this request, and what to do' }),
    code: Type.Enum([...codes], { description: 'Stable; decide by this, not by the text' }),
    requestId: Type.String({ description: 'Tell us this when you ask; it is in our log' }),
    index: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Which record is to blame, counted from 0' })
    ),
    path: Type.Optional(Type.String({ description: 'Where in that record, as a JSON pointer' })),
    position: Type.Optional(
      Type.Object(
        { offset: Type.Integer(), line: Type.Integer(), column: Type.Integer() },
        { description: 'Where the body stops being JSON' }
      )
    )
  })

/** The default format, field by field; a source of another format sends what that format says instead. */
const RecordSchema = toPublishedSchema(SluiceRecordSchema)

export const DeliverySchema = Type.Union(
  [
    { ...RecordSchema, title: 'One record' },
    Type.Array(
      { ...RecordSchema, title: 'Record' },
      { title: 'Several records', minItems: 1, maxItems: MAX_RECORDS }
    )
  ],
  { 'x-examples': DELIVERY_EXAMPLES }
)

/** The codes of a status, as the documentation of its response. */
const problem = (status: number): object => {
  const codes = Object.entries(REFUSALS).filter(([, refusal]) => refusal.status === status)
  const example = codes.map(([code, { title }]) => ({
    type: `urn:sluice:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: 'What is wrong with this request, and what to do.',
    code,
    requestId: '019ab0c4-7d1e-7c3a-9f52-6b1d0e8a4c11'
  }))[0]
  return {
    description: codes.map(([code, { title }]) => `\`${code}\` ${title}`).join(' · '),
    ...(status === 429 || status === 503
      ? {
          headers: { 'retry-after': { type: 'integer', description: 'Seconds to wait before sending again' } }
        }
      : {}),
    content: {
      [PROBLEM_TYPE]: { schema: { ...problemSchema(codes.map(([code]) => code)), examples: [example] } }
    }
  }
}

const problems = (...statuses: readonly number[]): Record<number, object> =>
  Object.fromEntries(statuses.map((status) => [status, problem(status)]))

const SourceParams = Type.Object({
  source: Type.String({ description: 'Name of your source, as we gave it to you', examples: ['acme-crm'] })
})

/** Lines of Markdown. */
const listed = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n')

/** What whoever sends the default format must know before the first record. */
const RECORD_WORDS = `

**There are three kinds of record**, by \`change\`:

${listed([
  '`upsert`, also when `change` is left out: this is the whole offer now. **What it leaves out is cleared.** It must have `transaction`, `property`, `price` and `location`.',
  '`patch`: only what it carries changes; `null` clears a field. A field is replaced as a whole, with all that is inside it.',
  '`withdraw`: no longer offered, with a `reason` if you like; nothing else of it is read. An upsert brings the offer back, a patch does not.'
])}

**Send \`updatedAt\`**, the moment the change was made in your system: the newest fact wins, in whatever order records
arrive. A moment in the future counts as the moment of receipt, and so does none. A field that is not of the format is
refused; what is your own belongs in \`extras\`.`

export const RECEIVE_SCHEMA = {
  operationId: 'receive',
  tags: ['Webhooks'],
  summary: 'Send offers',
  description: [
    `Send one record, or an array of up to ${MAX_RECORDS}, as JSON of at most ${MAX_BODY_BYTES / 1024 / 1024} MiB.`,
    'NDJSON, XML, SOAP and forms are read as well, in any charset, plain, gzip or deflate.',
    'Its fields are those of the `sluice` format, unless another format was agreed for your source.',
    '202 comes only when every record is stored durably; they are applied a moment later, each by its own date, so',
    'repeating a request is harmless. An array is all or nothing: after any other answer send it again as a whole.',
    'On 503 wait for `Retry-After`; on 4xx mend the request first.'
  ]
    .join(' ')
    .concat(RECORD_WORDS),
  security: [{ apiKey: [] }, { bearer: [] }],
  params: SourceParams,
  body: DeliverySchema,
  response: {
    200: {
      description: 'Known already, by the event id your signature covers; nothing was stored again',
      content: { 'application/json': { schema: DuplicateSchema } }
    },
    202: {
      description: 'Stored durably',
      headers: { 'x-request-id': { type: 'string', description: 'Id of this delivery' } },
      content: { 'application/json': { schema: AcceptedSchema } }
    },
    ...problems(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
  }
}

const VerdictSchema = Type.Object({
  index: Type.Integer({ minimum: 0, description: 'Which record of the request, counted from 0' }),
  externalId: Type.String({ description: 'Your id of the offer' }),
  factAt: Type.Optional(
    Type.String({
      description: 'When the record says it was true, in UTC; at the latest, when it was received'
    })
  ),
  note: Type.Optional(Type.String({ description: 'What is odd about the record and not wrong' })),
  valid: Type.Boolean(),
  change: Type.Optional(
    Type.Unknown({
      description: 'What it would mean to us: upsert, patch or withdraw, and the units it sets'
    })
  ),
  code: Type.Optional(Type.String({ description: 'Why it would be rejected' })),
  path: Type.Optional(Type.String({ description: 'Where in the record, as a JSON pointer' })),
  message: Type.Optional(Type.String({ description: 'The same, for a person' }))
})

const ValidationSchema = Type.Object({
  records: Type.Integer({ description: 'How many records were read' }),
  valid: Type.Integer({ description: 'How many of them would be applied' }),
  verdicts: Type.Array(VerdictSchema)
})

export const VALIDATE_SCHEMA = {
  operationId: 'validate',
  tags: ['Webhooks'],
  summary: 'Try offers out',
  description: [
    'Send exactly what you would send in earnest. Nothing is stored or applied: the answer says, record by record,',
    'what it would mean, or why it would be rejected. What would be refused as a whole is refused here as well.',
    'Whether we know the offer is not asked: a patch of one we do not know is valid, and becomes `incomplete`.'
  ].join(' '),
  security: [{ apiKey: [] }, { bearer: [] }],
  params: SourceParams,
  body: DeliverySchema,
  response: {
    200: { description: 'A verdict on each record', ...ValidationSchema },
    ...problems(400, 401, 403, 404, 408, 413, 415, 422, 429, 503)
  }
}

const RecordStatusSchema = Type.Object({
  index: Type.Integer({ minimum: 0, description: 'Which record of the request, counted from 0' }),
  externalId: Type.Optional(Type.String({ description: 'Your id of the offer' })),
  outcome: Type.Enum(Object.keys(OUTCOME_WORDS), {
    description: listed(Object.entries(OUTCOME_WORDS).map(([outcome, words]) => `\`${outcome}\`: ${words}`))
  }),
  code: Type.Optional(Type.String({ description: 'Why it was rejected' })),
  path: Type.Optional(Type.String({ description: 'Where in the record, as a JSON pointer' })),
  message: Type.Optional(Type.String({ description: 'The same, for a person' })),
  settledAt: Type.Optional(Type.String({ format: 'date-time' }))
})

const DeliveryStatusSchema = Type.Object({
  id: Type.String(),
  state: Type.Enum(['queued', 'done'], { description: '`done`: every outcome is final' }),
  records: Type.Array(RecordStatusSchema)
})

export const DELIVERY_SCHEMA = {
  operationId: 'delivery',
  tags: ['Webhooks'],
  summary: 'What became of a delivery',
  description:
    'For 30 days, record by record, with the reason of a rejection. Ask with the credentials you send with.',
  security: [{ apiKey: [] }, { bearer: [] }],
  params: Type.Object({
    ...SourceParams.properties,
    id: Type.String({ description: '`id` of the 202' })
  }),
  response: {
    200: { description: 'What is known of it', ...DeliveryStatusSchema },
    ...problems(401, 404, 503)
  }
}

export const METHOD_NOT_ALLOWED_SCHEMA = { hide: true }

const PartSchema = Type.Object({ broker: Type.String(), postgres: Type.String(), redis: Type.String() })

const ReadinessSchema = Type.Object({
  status: Type.Enum(['ready', 'degraded', 'down']),
  ok: Type.Boolean(),
  parts: PartSchema
})

export const LIVE_SCHEMA = {
  operationId: 'live',
  tags: ['Operating'],
  summary: 'Is the process alive?',
  security: [],
  response: { 200: { description: 'Alive', ...Type.Object({ ok: Type.Boolean() }) } }
}

export const READY_SCHEMA = {
  operationId: 'ready',
  tags: ['Operating'],
  summary: 'Can it accept deliveries right now?',
  description:
    '`degraded` accepts, but something behind it is away. Restart by `/livez`, never by this: a gateway whose broker is away still answers senders correctly.',
  security: [],
  response: {
    200: { description: 'Deliveries are accepted', ...ReadinessSchema },
    503: { description: 'None can be accepted now', ...ReadinessSchema }
  }
}
