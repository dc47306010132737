import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/**
 * Generates the Prisma client from prisma/schema.prisma, or does nothing when neither the schema nor Prisma has
 * changed since the last time. Needs no network: `prisma generate` asks for the schema engine, a binary it would
 * download, but does not use it; any executable that exits 0 satisfies it, and Node itself is always there.
 */

const root = join(import.meta.dirname, '..')
const schema = join(root, 'prisma/schema.prisma')
const generated = join(root, 'prisma/src/generated')
const marker = join(generated, '.generated-from')

const require = createRequire(join(root, 'prisma/package.json'))
const prismaPackage = require.resolve('prisma/package.json')
const { version, bin } = JSON.parse(readFileSync(prismaPackage, 'utf8')) as {
  version: string
  bin: { prisma: string }
}

const fingerprint = createHash('sha256').update(version).update(readFileSync(schema)).digest('hex')
const isCurrent =
  existsSync(join(generated, 'client.ts')) &&
  existsSync(marker) &&
  readFileSync(marker, 'utf8') === fingerprint

if (!isCurrent) {
  const { status, error, stderr } = spawnSync(
    process.execPath,
    [join(dirname(prismaPackage), bin.prisma), 'generate', '--schema', schema, '--no-hints'],
    {
      cwd: join(root, 'prisma'),
      env: {
        ...process.env,
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1'
      },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 120_000
    }
  )
  if (status !== 0) {
    console.error(`prisma generate failed: ${error?.message ?? stderr.trim()}`)
    process.exit(1)
  }
  writeFileSync(marker, fingerprint)
  console.log('prisma client generated')
}
