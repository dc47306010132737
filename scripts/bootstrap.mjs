// `npm start` and `npm test` begin here. Plain JavaScript for Node 18 and newer: it installs the pinned pnpm
// packages (the pinned Node among them) when they are missing or older than the lockfile, and then runs the real
// script on that Node. It needs npm and a registry the first time, and nothing but itself afterwards.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 18
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.installed-from')

const say = (text) => process.stdout.write(`${text}\n`)
const fail = (text) => {
  process.stderr.write(`\n${text}\n`)
  process.exit(1)
}
const read = (file) => readFileSync(join(root, file), 'utf8')

/** Changes whenever an install would: the lockfile, the workspace, every manifest, and the platform. */
const fingerprint = () => {
  const workspace = read('pnpm-workspace.yaml')
  const packages = [...workspace.matchAll(/^ {2}- ([\w-]+)$/gm)].map(([, folder]) => `${folder}/package.json`)
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`).update(workspace)
  for (const file of ['pnpm-lock.yaml', 'package.json', ...packages]) {
    if (existsSync(join(root, file))) hash.update(file).update(read(file))
  }
  return hash.digest('hex')
}

const isInstalled = (stamp) => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp

const install = (pnpm) => {
  const stamp = fingerprint()
  if (isInstalled(stamp)) return
  say(`installing packages with ${pnpm} (about a minute the first time)`)
  const shell = process.platform === 'win32' // npx is a .cmd there
  const args = ['--yes', pnpm, 'install', '--frozen-lockfile']
  const { status, error } = spawnSync('npx', args, {
    cwd: root,
    stdio: 'inherit',
    shell,
    // pnpm asks before it replaces node_modules unless it knows that nobody is there to answer.
    env: { ...process.env, CI: 'true' }
  })
  if (error?.code === 'ENOENT') fail('npx was not found. Install npm (it comes with Node.js) and try again.')
  if (status !== 0) {
    fail(
      `The packages could not be installed (${error?.message ?? `npx exited with ${status}`}).\n` +
        'The registry of `npm config get registry` must be reachable: npm ping tells. The lines above say more.'
    )
  }
  writeFileSync(stampFile, stamp)
}

/** Runs `house:<task>` of package.json as pnpm would, but as our own child: a shell between would swallow signals. */
const run = (task, command, args) => {
  const [program, ...rest] = command.split(' ')
  const child = spawn(program, [...rest, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}` }
  })
  // On a terminal Ctrl-C reaches the child by itself; a signal sent to this process alone must be passed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', (error) => fail(`npm ${task} could not be run: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  fail(`Node ${process.versions.node} is too old to begin with: version ${OLDEST_NODE} or newer is needed.`)
}
const manifest = JSON.parse(read('package.json'))
const [task = '', ...args] = process.argv.slice(2)
const command = manifest.scripts[`house:${task}`]
if (command === undefined) fail(`Unknown task "${task}": use npm start or npm test.`)
install(manifest.packageManager)
run(task, command, args)
