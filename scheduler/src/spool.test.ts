import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DependencyError } from '@sluice/shared/errors'
import { createSpool } from './spool.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-spool-'))
  for (const name of ['a.1.spool', 'a.2.spool', 'a.3.spool', 'b.1.spool']) await mkdir(join(folder, name))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('what is left is removed, but for what is read, and that of other houses', async () => {
  const spool = await createSpool(folder, 'a', 0)
  expect(await spool.sweep(async (name) => name === '2')).toEqual({ removed: ['1', '3'], failed: [] })
  expect((await readdir(folder)).toSorted()).toEqual(['a.2.spool', 'b.1.spool'])
})

test('one that cannot be removed keeps no other', async () => {
  const spool = await createSpool(folder, 'a', 0)
  const problem = new Error('EACCES: permission denied')
  const swept = await spool.sweep((name) => (name === '1' ? Promise.reject(problem) : Promise.resolve(false)))
  expect(swept).toEqual({ removed: ['2', '3'], failed: [{ name: '1', problem }] })
})

test('nobody is asked on while Postgres is away', async () => {
  const spool = await createSpool(folder, 'a', 0)
  const away = new DependencyError('postgres', 'DB_UNAVAILABLE', 'away')
  await expect(spool.sweep(() => Promise.reject(away))).rejects.toBe(away)
  expect(await readdir(folder)).toHaveLength(4)
})
