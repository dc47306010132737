import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('an older Node is told what to do, where it cannot even import what a newer one has', () => {
  const older = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })
    delete require('node:module').enableCompileCache
    require('node:module').syncBuiltinESMExports()`
  const preload = `data:text/javascript,import{createRequire}from'node:module';const require=createRequire('file:///');${encodeURIComponent(older)}`
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', preload, join(import.meta.dirname, 'main.mjs'), '--help'],
    { encoding: 'utf8' }
  )
  expect(stderr).toBe(
    'sluice: needs Node 24 or newer, this is 20.19.0. Use `npm run sluice -- …`, which brings its own. (NODE_TOO_OLD)\n'
  )
  expect(stdout).toBe('')
  expect(status).toBe(1)
})
