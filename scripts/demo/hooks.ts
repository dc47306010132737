import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '@sluice/prisma/client'
import { findDeliveries, type DeliveryRow } from '@sluice/prisma/tables/deliveries'
import type { Outcome } from '@sluice/shared/change'

/** One demo webhook: what is sent, and what must become of it. */
export interface Hook {
  title: string
  body: unknown
  /** The demo's own key by default. */
  key?: string
  expect: { status: number; outcomes?: readonly Outcome[]; path?: string }
}

export interface HookResult {
  hook: Hook
  status: number
  /** `code` of a refusal. */
  code?: string
  deliveries: readonly DeliveryRow[]
  /** What is not as expected; `undefined` when all is well. */
  problem?: string
}

const SETTLE_TIMEOUT_MS = 30_000
const RETRY_TIMEOUT_MS = 15_000
const POLL_MS = 50

export interface Sender {
  gatewayUrl: string
  source: string
  key: string
  sql: Sql
}

/** Sends one and waits until every record of it has settled: the next may build on it. */
export const sendHook = async (sender: Sender, hook: Hook): Promise<HookResult> => {
  const { status, answer } = await post(sender, hook)
  const deliveries =
    status === 202 && answer.id !== undefined ? await settled(sender.sql, answer.id, answer.records ?? 1) : []
  const result = { hook, status, deliveries, ...(answer.code === undefined ? {} : { code: answer.code }) }
  const problem = problemOf(result)
  return problem === undefined ? result : { ...result, problem }
}

interface Answer {
  status: number
  answer: { id?: string; records?: number; code?: string }
}

/** As every sender should: a 503 is sent again after the time it names, for a while. */
const post = async ({ gatewayUrl, source, key }: Sender, hook: Hook): Promise<Answer> => {
  const end = Date.now() + RETRY_TIMEOUT_MS
  for (;;) {
    const response = await fetch(`${gatewayUrl}/webhooks/${source}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': hook.key ?? key },
      body: JSON.stringify(hook.body),
      signal: AbortSignal.timeout(10_000)
    })
    const answer = (await response.json()) as Answer['answer']
    if (response.status !== 503 || Date.now() > end) return { status: response.status, answer }
    await sleep(Number(response.headers.get('retry-after') ?? 1) * 1000)
  }
}

const settled = async (sql: Sql, deliveryId: string, records: number): Promise<DeliveryRow[]> => {
  const end = Date.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const rows = await findDeliveries(sql, deliveryId)
    const isOver = rows.length === records && rows.every(({ outcome }) => outcome !== 'retried')
    if (isOver || Date.now() > end) return rows
    await sleep(POLL_MS)
  }
}

const problemOf = ({ hook, status, deliveries }: HookResult): string | undefined => {
  const { expect } = hook
  if (status !== expect.status) return `${hook.title}: answered ${status}, not ${expect.status}`
  const wanted = (expect.outcomes ?? []).join(', ')
  const got = deliveries.map(({ outcome }) => outcome).join(', ')
  if (got !== wanted) return `${hook.title}: became ${got || 'nothing in time'}, not ${wanted}`
  const path = deliveries[0]?.path
  if (expect.path !== undefined && path !== expect.path) {
    return `${hook.title}: blames ${path ?? 'nothing'}, not ${expect.path}`
  }
  return undefined
}

export interface Occasion {
  /** Different at every start: the new offers are new every time. */
  label: string
  /** An offer of the feed whose price the CRM changes. */
  patched: { id: string; amount: number }
}

/** What the demo's CRM has to say today, in order. */
export const createHooks = ({ label, patched }: Occasion): Hook[] => {
  return [
    {
      title: 'two new offers',
      body: [
        newOffer(`${label}-a`, now()),
        {
          ...newOffer(`${label}-b`, now()),
          price: { amount: 1150, currency: 'EUR', period: 'month' },
          transaction: 'rent'
        }
      ],
      expect: { status: 202, outcomes: ['created', 'created'] }
    },
    {
      title: `a new price for ${patched.id}, an offer of the feed`,
      body: {
        id: patched.id,
        change: 'patch',
        updatedAt: now(),
        price: { amount: patched.amount, currency: 'EUR', period: 'total' }
      },
      expect: { status: 202, outcomes: ['updated'] }
    },
    {
      title: `${label}-b is let: a withdrawal`,
      body: { id: `${label}-b`, change: 'withdraw', updatedAt: now(), reason: 'let' },
      expect: { status: 202, outcomes: ['withdrawn'] }
    },
    {
      title: 'an offer without a price',
      body: { ...newOffer(`${label}-c`, now()), price: undefined },
      expect: { status: 202, outcomes: ['rejected'], path: '/price' }
    },
    {
      title: 'the wrong key',
      body: newOffer(`${label}-d`, now()),
      key: 'slk_this-is-nobodys-key',
      expect: { status: 401 }
    }
  ]
}

const now = (): string => new Date().toISOString()

const newOffer = (id: string, updatedAt: string): Record<string, unknown> => ({
  id,
  updatedAt,
  reference: id,
  transaction: 'sale',
  property: { type: 'apartment', subType: 'penthouse' },
  price: { amount: '349000', currency: 'EUR' },
  livingArea: '96.5',
  rooms: { bedrooms: 2, bathrooms: 2 },
  floor: { number: 4, total: 4 },
  location: { country: 'Spain', region: 'Málaga', city: 'Nerja', district: 'Burriana', postalCode: '29780' },
  coordinates: { latitude: 36.7462, longitude: -3.8671 },
  features: ['lift', 'roof terrace', 'sea views'],
  texts: {
    en: {
      title: 'Penthouse above Burriana beach',
      description: 'Top floor, two bedrooms, terrace on three sides.'
    },
    es: {
      title: 'Ático sobre la playa de Burriana',
      description: 'Última planta, dos dormitorios, terraza a tres vientos.'
    }
  },
  images: [1, 2, 3].map((place) => `https://images.costa-demo.example/${id}/${place}.jpg`)
})
