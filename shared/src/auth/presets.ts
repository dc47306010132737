import type { HmacAuth } from './settings.ts'

/** A request by which a vendor asks whether we are there; it is signed like any other and holds no records. */
export interface Challenge {
  /** Fields of the JSON body that say so: what each says, or `true` when its being there is enough. */
  when: Readonly<Record<string, string | true>>
  /** Field of the body to send back as text; absent: an empty JSON object is enough. */
  echo?: string
}

export type HmacRule = Omit<HmacAuth, 'scheme' | 'allowFrom'>

export interface Preset {
  rule: HmacRule
  /** The page of the vendor that says so. */
  documentation: string
  /** It sends again what was answered 5xx, by itself and for hours: then an honest 503 is as good as our outbox. */
  retries?: true
  challenge?: Challenge
}

/** Vendors whose signature is an HMAC, as data: a new one is a row here and a vector in the gateway's test of presets. */
export const PRESETS = {
  // X-GitHub-Delivery is not covered by the signature, so it is no id to know copies by. It does not send again by itself.
  github: {
    documentation: 'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries',
    rule: {
      algorithm: 'sha256',
      encoding: 'hex',
      header: 'x-hub-signature-256',
      prefix: 'sha256=',
      template: '{body}'
    },
    challenge: { when: { zen: true, hook_id: true } }
  },
  // Nor is X-Shopify-Webhook-Id.
  shopify: {
    documentation: 'https://shopify.dev/docs/apps/build/webhooks/subscribe/https',
    retries: true, // 8 times in 4 hours
    rule: { algorithm: 'sha256', encoding: 'base64', header: 'x-shopify-hmac-sha256', template: '{body}' }
  },
  stripe: {
    documentation: 'https://docs.stripe.com/webhooks/signature',
    retries: true, // for three days
    rule: {
      algorithm: 'sha256',
      encoding: 'hex',
      header: 'stripe-signature',
      prefix: 'v1=',
      separator: ',',
      template: '{timestamp}.{body}',
      timestampHeader: 'stripe-signature',
      timestampPrefix: 't=',
      timestampUnit: 'seconds',
      toleranceSeconds: 300,
      eventIdPath: ['id']
    }
  },
  'hubspot-v3': {
    documentation:
      'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation',
    retries: true, // 10 times in 24 hours
    rule: {
      algorithm: 'sha256',
      encoding: 'base64',
      header: 'x-hubspot-signature-v3',
      template: '{method}{url}{body}{timestamp}',
      timestampHeader: 'x-hubspot-request-timestamp',
      timestampUnit: 'milliseconds',
      toleranceSeconds: 300,
      urlDecodes: ":/?@!$'()*,;"
    }
  },
  slack: {
    documentation: 'https://docs.slack.dev/authentication/verifying-requests-from-slack', // tries 3 times, too few
    rule: {
      algorithm: 'sha256',
      encoding: 'hex',
      header: 'x-slack-signature',
      prefix: 'v0=',
      template: 'v0:{timestamp}:{body}',
      timestampHeader: 'x-slack-request-timestamp',
      timestampUnit: 'seconds',
      toleranceSeconds: 300,
      eventIdPath: ['event_id']
    },
    challenge: { when: { type: 'url_verification' }, echo: 'challenge' }
  }
} as const satisfies Readonly<Record<string, Preset>>

/** Whether senders known by this scheme are vendors who send again by themselves for hours. */
export const isKnownToRetry = (scheme: string): boolean => {
  const preset: Preset | undefined = Object.hasOwn(PRESETS, scheme)
    ? PRESETS[scheme as keyof typeof PRESETS]
    : undefined
  return preset?.retries === true
}
