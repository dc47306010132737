import { execFile, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { ROOT } from './support/process.ts'
import { services } from './support/services.ts'

/** Every example of `docs/gateway.md` that has a name (```sh <name>), as a vendor would run it. */

const MASTER_KEY = randomBytes(32).toString('base64')
const SECRET = 'a secret of the manual, agreed by phone'
const PUBLIC_URL = 'https://hooks.example.com'
const RULE = {
  algorithm: 'sha512',
  encoding: 'base64',
  header: 'X-Acme-Signature',
  template: '{timestamp}.{body}',
  timestampHeader: 'X-Acme-Time',
  timestampUnit: 'seconds',
  toleranceSeconds: 300
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const publicBytes = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
const whsec = `whsec_${randomBytes(32).toString('base64')}`

interface Door {
  auth: Record<string, unknown>
  /** As we store it; an API key is made with its source. */
  secret?: string
  /** What the sender has instead of `$SECRET`. */
  env?: Record<string, string>
}

const hmac = (scheme: string, more: Record<string, unknown> = {}): Door => ({
  auth: { scheme, ...more },
  secret: SECRET
})

const DOORS: Readonly<Record<string, Door>> = {
  'api-key': { auth: { scheme: 'api-key' } },
  basic: { auth: { scheme: 'basic' }, secret: `crm:${SECRET}`, env: { LOGIN: `crm:${SECRET}` } },
  'standard-webhooks-v1': { auth: { scheme: 'standard-webhooks' }, secret: whsec, env: { SECRET: whsec } },
  'standard-webhooks-v1a': {
    auth: { scheme: 'standard-webhooks' },
    secret: `whpk_${publicBytes.toString('base64')}`
  },
  github: hmac('github'),
  shopify: hmac('shopify'),
  slack: hmac('slack'),
  stripe: hmac('stripe'),
  'hubspot-v3': hmac('hubspot-v3', { publicUrl: PUBLIC_URL }),
  reapit: { auth: { scheme: 'reapit' }, secret: publicBytes.toString('base64url') },
  hmac: hmac('hmac', RULE)
}
/** Examples of something else, sent with an API key. */
const OTHERS = ['bodies', 'deliveries', 'validate']

/** What the examples call, if it is not there. */
const missing = ['curl', 'openssl', 'gzip'].find((tool) => spawnSync(tool, ['--help']).error !== undefined)

let broker: TestBroker
let database: TestDatabase
let house: House
let gateway: GatewayProcess
let folder: string
const keys = new Map<string, string>()

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  const sealing = createSealing({ SLUICE_SECRETS_KEY: MASTER_KEY })
  const others = OTHERS.map((name): [string, Door] => [name, { auth: { scheme: 'api-key' } }])
  for (const [slug, { auth, secret }] of [...Object.entries(DOORS), ...others]) {
    const { sourceId, key } = await addSource(database.db, { slug, auth })
    keys.set(slug, key)
    if (secret === undefined || sealing === undefined) continue
    const sealed = sealing.seal(secret, secretContext(sourceId))
    await createSourceSecret(database.db.sql, { sourceId, label: 'only', sealed })
  }
  folder = await mkdtemp(join(tmpdir(), 'sluice-manual-'))
  await writeFile(join(folder, 'private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    env: { SLUICE_SECRETS_KEY: MASTER_KEY }
  })
  gateway = await house.startGateway()
})
afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
  await rm(folder, { recursive: true })
})

const manual = await readFile(join(ROOT, 'docs/gateway.md'), 'utf8')
const examples = new Map(
  [...manual.matchAll(/^```sh (\S+)\n([^]*?)^```$/gm)].map(([, name = '', text = '']) => [name, text])
)

/** Answers of the commands of an example, one a line. */
const run = async (name: string): Promise<string[]> => {
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-euo', 'pipefail', '-c', `curl() { command curl "$@"; echo; }; ${examples.get(name)}`],
    {
      env: {
        ...process.env,
        URL: `${gateway.url}/webhooks/${name}`,
        SECRET,
        KEY: keys.get(name),
        PUBLIC_URL: `${PUBLIC_URL}/webhooks/${name}`,
        PRIVATE_KEY: join(folder, 'private.pem'),
        ...DOORS[name]?.env
      }
    }
  )
  return stdout.split('\n').filter((line) => line !== '')
}

it('has an example of each, and no other', () => {
  expect([...examples.keys()].toSorted()).toEqual([...Object.keys(DOORS), ...OTHERS].toSorted())
})

describe('run as they stand', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, `${missing} is not on this machine`))

  it.each([...Object.keys(DOORS), 'bodies'])('%s is accepted as the manual says', async (name) => {
    const answers = await run(name)
    expect(answers.length).toBeGreaterThan(0)
    for (const answer of answers) expect(answer).toMatch(/^\{"id":"[0-9a-f-]{36}","records":[12]\}$/)
  })

  it('what became of a delivery is told as the manual says', async () => {
    const answers = await run('deliveries')
    expect(JSON.parse(answers.at(-1) ?? '')).toMatchObject({
      state: 'queued',
      records: [{ outcome: 'queued' }]
    })
  })

  it('a delivery is validated as the manual says', async () => {
    const [answer = ''] = await run('validate')
    expect(JSON.parse(answer)).toMatchObject({
      records: 1,
      valid: 0,
      verdicts: [{ code: 'RECORD_INVALID', path: '/price/currency' }]
    })
  })
})
