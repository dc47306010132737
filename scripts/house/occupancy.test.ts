import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { occupy } from './occupancy.ts'

let folder: string
const others: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-occupancy-'))
})
afterEach(async () => {
  for (const other of others.splice(0)) {
    other.kill('SIGKILL')
    await once(other, 'exit')
  }
  await rm(folder, { recursive: true })
})

/** A process that runs until the test is over, and what `house.json` says of it. */
const leftBy = async (script: string, addresses: Record<string, string> = {}): Promise<number> => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', script], { stdio: 'ignore' })
  others.push(other)
  await once(other, 'spawn')
  await writeFile(join(folder, 'house.json'), JSON.stringify({ pid: other.pid, addresses }))
  return other.pid ?? 0
}

test('a second house is told where the first one is', async () => {
  const pid = await leftBy('scripts/start.ts', { gateway: 'http://127.0.0.1:8080' })
  await expect(occupy(folder)).rejects.toThrow(
    `A house is already running here (pid ${pid}). Stop it first, with Ctrl-C or: kill ${pid}\n` +
      '  gateway      http://127.0.0.1:8080'
  )
  await leftBy('scripts/start.ts')
  await expect(occupy(folder)).rejects.toThrow('and still starting')
})

test('what a process left that is gone, or is another program now, is ignored', async () => {
  await leftBy('another/program.ts')
  await (await occupy(folder)).leave()
  const pid = await leftBy('scripts/start.ts')
  const gone = others.pop()
  gone?.kill('SIGKILL')
  if (gone !== undefined) await once(gone, 'exit')
  const { tell, leave } = await occupy(folder)
  await tell({ gateway: 'http://127.0.0.1:8081' })
  const note = await readFile(join(folder, 'house.json'), 'utf8')
  expect(JSON.parse(note)).toEqual({ pid: process.pid, addresses: { gateway: 'http://127.0.0.1:8081' } })
  expect(pid).not.toBe(process.pid)
  await leave()
  await writeFile(join(folder, 'house.json'), 'damaged')
  await (await occupy(folder)).leave()
})
