import type { TObject } from 'typebox'
import { Value } from 'typebox/value'
import { parseCidr } from '../cidr.ts'
import { PRESETS, type Challenge, type Preset } from './presets.ts'
import {
  ApiKeyAuthSchema,
  BasicAuthSchema,
  HmacAuthSchema,
  PresetAuthSchema,
  ReapitAuthSchema,
  StandardWebhooksAuthSchema,
  type ApiKeyAuth,
  type BasicAuth,
  type HmacAuth,
  type PresetAuth,
  type ReapitAuth,
  type StandardWebhooksAuth
} from './settings.ts'
import { parseTemplate } from './template.ts'

/** The settings of a source with its preset, if it names one, written out. */
export type ResolvedAuth =
  | ApiKeyAuth
  | BasicAuth
  | (HmacAuth & { challenge?: Challenge })
  | StandardWebhooksAuth
  | ReapitAuth

export type Resolution = { ok: true; auth: ResolvedAuth } | { ok: false; problem: string }

const SCHEMAS: ReadonlyMap<string, TObject> = new Map<string, TObject>([
  ['api-key', ApiKeyAuthSchema],
  ['basic', BasicAuthSchema],
  ['hmac', HmacAuthSchema],
  ['standard-webhooks', StandardWebhooksAuthSchema],
  ['reapit', ReapitAuthSchema]
])
const PRESET_ROWS: ReadonlyMap<string, Preset> = new Map(Object.entries(PRESETS))

/** Every name `scheme` may have. */
export const SCHEMES: readonly string[] = [...SCHEMAS.keys(), ...PRESET_ROWS.keys()]

/** What the settings mean, or why they cannot be used: nothing is guessed, and nothing means "let everybody in". */
export const resolveAuth = (auth: unknown): Resolution => {
  const scheme = schemeOf(auth)
  if (scheme === undefined) return { ok: false, problem: 'the settings name no scheme' }
  const preset = PRESET_ROWS.get(scheme)
  const schema = preset === undefined ? SCHEMAS.get(scheme) : PresetAuthSchema
  if (schema === undefined) {
    return {
      ok: false,
      problem: `there is no scheme ${JSON.stringify(scheme)}; there are ${SCHEMES.join(', ')}`
    }
  }
  const [error] = Value.Errors(schema, auth)
  if (error !== undefined) return { ok: false, problem: toProblem(error, scheme) }
  const resolved = preset === undefined ? (auth as ResolvedAuth) : writtenOut(auth as PresetAuth, preset)
  const problem =
    addressesProblem(resolved.allowFrom) ?? (resolved.scheme === 'hmac' ? hmacProblem(resolved) : undefined)
  return problem === undefined ? { ok: true, auth: resolved } : { ok: false, problem }
}

/**
 * Why a source may not be saved, or answered for, with these settings; `undefined` when it may.
 * @param secretsCount how many secrets it has; API keys are not secrets and come later
 */
export const authProblem = (auth: unknown, secretsCount: number): string | undefined => {
  const resolution = resolveAuth(auth)
  if (!resolution.ok) return resolution.problem
  return resolution.auth.scheme !== 'api-key' && secretsCount === 0
    ? `the scheme ${schemeOf(auth)} needs a secret, and there is none`
    : undefined
}

/** TypeBox says of a field no schema knows that its schema is false. */
const toProblem = (
  error: { keyword: string; instancePath: string; message: string },
  scheme: string
): string => {
  const path = error.instancePath === '' ? 'the settings' : error.instancePath
  return error.keyword === 'boolean' ? `${path} is no setting of ${scheme}` : `${path} ${error.message}`
}

const schemeOf = (auth: unknown): string | undefined =>
  typeof auth === 'object' && auth !== null && 'scheme' in auth && typeof auth.scheme === 'string'
    ? auth.scheme
    : undefined

const writtenOut = (
  { allowFrom, toleranceSeconds, publicUrl }: PresetAuth,
  { rule, challenge }: Preset
): HmacAuth & { challenge?: Challenge } => ({
  scheme: 'hmac',
  ...rule,
  ...(allowFrom === undefined ? {} : { allowFrom }),
  ...(toleranceSeconds === undefined ? {} : { toleranceSeconds }),
  ...(publicUrl === undefined ? {} : { publicUrl }),
  ...(challenge === undefined ? {} : { challenge })
})

const addressesProblem = (allowFrom: readonly string[] = []): string | undefined => {
  const wrong = allowFrom.find((range) => parseCidr(range) === undefined)
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} is no address and no CIDR range`
}

/** What a schema cannot say: every part of the rule must be covered by the signature, or it protects nothing. */
const hmacProblem = (auth: HmacAuth): string | undefined => {
  const parts = parseTemplate(auth.template)
  if (parts === undefined) {
    return 'the template knows {body}, {timestamp}, {method}, {url} and {header:name}, and no other braces'
  }
  const has = (kind: string): boolean => parts.some((part) => part.kind === kind)
  if (!has('body')) return 'the template leaves out {body}: anybody could change it'
  if (has('url') !== (auth.publicUrl !== undefined)) {
    return 'publicUrl goes with {url} in the template: the address senders see, before the path'
  }
  const timed = [auth.timestampHeader, auth.timestampUnit, auth.toleranceSeconds]
  if (timed.some((setting) => (setting !== undefined) !== has('timestamp'))) {
    return 'timestampHeader, timestampUnit and toleranceSeconds go with {timestamp} in the template'
  }
  if (auth.timestampPrefix !== undefined && auth.separator === undefined) {
    return 'timestampPrefix needs a separator between the parts of its header'
  }
  return eventIdProblem(auth, parts)
}

const eventIdProblem = (
  { eventIdHeader, eventIdPath }: HmacAuth,
  parts: NonNullable<ReturnType<typeof parseTemplate>>
): string | undefined => {
  if (eventIdHeader === undefined) return undefined
  if (eventIdPath !== undefined) return 'the id of an event is in a header or in the body, not in both'
  const name = eventIdHeader.toLowerCase()
  const at = parts.findIndex((part) => part.kind === 'header' && part.name === name)
  if (at < 0) return `the template must cover the id of the event: {header:${name}}`
  const next = parts[at + 1]
  return next === undefined || next.kind === 'text'
    ? undefined
    : `text must follow {header:${name}} in the template, so that nobody can move its end`
}
