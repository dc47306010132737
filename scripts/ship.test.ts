import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { expect, test } from 'vitest'
import { loadConfig } from '@sluice/shared/config'
import { ROOT } from './root.ts'
import { listSettings, SERVICE_SCHEMAS, toConfigurationTable } from './settings.ts'

const read = (file: string): Promise<string> => readFile(join(ROOT, file), 'utf8')

const example = async (): Promise<Record<string, string>> =>
  parseEnv(await read('.env.example')) as Record<string, string>

/** `${NAME:-…}` and `${NAME:?…}`: what docker-compose.yml asks the environment for. */
const composeVariables = async (): Promise<Set<string>> =>
  new Set([...(await read('docker-compose.yml')).matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))

test('.env.example names every variable a service or the compose file reads, and no other', async () => {
  const read = new Set([...listSettings().map(({ name }) => name), ...(await composeVariables())])
  expect(Object.keys(await example()).toSorted()).toEqual([...read].toSorted())
})

test.each(Object.entries(SERVICE_SCHEMAS))('%s starts with .env.example as it stands', async (_, schema) => {
  expect(() => loadConfig(schema, {})).toThrow('DATABASE_URL is not set')
  expect(loadConfig(schema, await example())).toHaveProperty('DATABASE_URL')
})

test('.env.example shows the defaults', async () => {
  const shown = await example()
  for (const { name, fallback } of listSettings()) {
    if (fallback !== undefined) expect(shown[name], name).toBe(fallback)
  }
})

test('.env.example holds no password', async () => {
  const passwords = Object.entries(await example()).filter(([name]) => name.endsWith('_PASSWORD'))
  expect(passwords.length).toBeGreaterThan(0)
  for (const [name, value] of passwords) expect(value, name).toBe('')
})

test('the compose file hands every setting to the service that reads it', async () => {
  const compose = await read('docker-compose.yml')
  for (const { name } of listSettings()) expect(compose, name).toMatch(new RegExp(`^ +${name}: `, 'm'))
})

/** The formatter aligns the columns of a table. */
const squeezed = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---')

test('the table of settings in the README is what the schemas say', async () => {
  const readme = squeezed(await read('README.md'))
  expect(readme, 'run: pnpm settings:table').toContain(squeezed(toConfigurationTable()))
})

test('the image is built with the pnpm of package.json', async () => {
  const { packageManager } = JSON.parse(await read('package.json')) as { packageManager: string }
  const versions = [...(await read('Dockerfile')).matchAll(/pnpm@[\d.]+/g)].map(([version]) => version)
  expect(new Set(versions)).toEqual(new Set([packageManager]))
})

test('every folder the image runs from is a package the Dockerfile copies', async () => {
  const dockerfile = await read('Dockerfile')
  for (const room of ['shared', 'prisma', 'gateway', 'scheduler', 'worker', 'cli']) {
    expect(dockerfile).toContain(`COPY --chown=node:node ${room}/package.json ${room}/`)
    expect(dockerfile).toContain(`COPY ${room}/src ${room}/src`)
  }
})

test('docs/dependencies.md says why each package is there', async () => {
  const catalog = (await read('pnpm-workspace.yaml')).matchAll(/^ {2}'?(@?[\w/-]+)'?: \d/gm)
  const explained = await read('docs/dependencies.md')
  const unexplained = [...catalog]
    .map(([, name]) => name)
    .filter((name) => !explained.includes(`\`${name}\``))
  expect(unexplained).toEqual([])
})

test('packages are installed for the Node that runs them', async () => {
  const workspace = await read('pnpm-workspace.yaml')
  const [, pinned] = /^ {2}node: (\S+)$/m.exec(workspace) ?? []
  expect(workspace).toContain(`\nnodeVersion: ${pinned}\n`)
})
