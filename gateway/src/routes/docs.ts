import swagger from '@fastify/swagger'
import scalar from '@scalar/fastify-api-reference'
import type { FastifyInstance } from 'fastify'

/**
 * The page may load and call nothing but us: it works on a closed network, and the browser enforces that it stays so.
 * Scalar styles with inline CSS and starts from an inline script.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'"
].join('; ')

/** `/docs`, a page to read and try, and `/docs/openapi.json`. To be registered before the routes it describes. */
export const registerDocs = async (app: FastifyInstance): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        version: '1',
        description: INTRODUCTION
      },
      servers: [{ url: '/', description: 'This gateway' }],
      tags: [
        { name: 'Webhooks', description: 'For the systems that send offers to us' },
        { name: 'Operating', description: 'For the systems that run us' }
      ],
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The key of your source' },
          bearer: { type: 'http', scheme: 'bearer', description: 'The same key, as a bearer token' }
        }
      }
    }
  })
  await app.register(scalar, {
    routePrefix: '/docs',
    logLevel: 'silent',
    hooks: {
      onRequest: (_request, reply, done) => {
        reply.header('content-security-policy', CONTENT_SECURITY_POLICY)
        done()
      }
    },
    configuration: {
      pageTitle: 'Sluice API',
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
      authentication: {
        preferredSecurityScheme: 'apiKey',
        securitySchemes: { apiKey: { value: 'slk_your_key' } }
      },
      orderSchemaPropertiesBy: 'preserve',
      documentDownloadType: 'json',
      defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' }
    }
  })
}

const INTRODUCTION = `Send offers as they change; each is stored durably before you get your answer.

- **Every source knows its senders by one scheme**: an API key in \`X-API-Key\` or as \`Authorization: Bearer\`, a password, or a
  signature over the body. Which one it is, you were told with your address.
- **202 means durable**; 200 with \`duplicate\` means that it has been accepted before. After 503 and 429, send the same request
  again when \`Retry-After\` is over; what may have arrived already is not applied twice. Any other 4xx is yours to mend first.
- **Order does not matter, repeats are harmless.** What counts is when each fact was true: say so in the record.
- **Errors** are problem+json (RFC 9457) with a stable \`code\` and a \`requestId\` you can quote to us.`
