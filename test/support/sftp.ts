import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { isListening, missing, signalChildren } from './ftp.ts'
import { freePort, run, runToEnd, waitFor } from './process.ts'

/** OpenSSH's server, for the user who runs the tests and one key. */
export interface SshServer {
  user: string
  /** In PEM, as a person pastes it. */
  privateKey: string
  /** Any folder of the machine can be read; this one is for the test. */
  folder: string
  url: string
  hostKey: string
  signalSessions: (signal: NodeJS.Signals) => Promise<void>
  stop: () => Promise<void>
}

const PROGRAM = '/usr/sbin/sshd'
/** Where a server that is root locks its children in. */
const PRIVILEGE_SEPARATION = '/run/sshd'

export const sshMissing = (): string | undefined => missing(PROGRAM, 'openssh-server')

export const startSsh = async (): Promise<SshServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sftp-'))
  const [host, user] = [join(folder, 'host_key'), join(folder, 'user_key')]
  for (const key of [host, user]) {
    await runToEnd('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  }
  if (process.getuid?.() === 0) await mkdir(PRIVILEGE_SEPARATION, { recursive: true, mode: 0o755 })
  const port = await freePort()
  const config = join(folder, 'sshd_config')
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host}`,
    `PidFile ${folder}/pid`,
    `AuthorizedKeysFile ${user}.pub`,
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'StrictModes no',
    'UsePAM no',
    'Subsystem sftp internal-sftp'
  ]
  await writeFile(config, `${settings.join('\n')}\n`)
  const server = run(PROGRAM, ['-D', '-e', '-f', config])
  await waitFor('sshd to listen', () => isListening(port)).catch((error: unknown) => {
    throw new Error(`sshd did not start:\n${server.output()}`, { cause: error })
  })
  const fingerprint = await runToEnd('ssh-keygen', ['-l', '-f', `${host}.pub`])
  return {
    user: userInfo().username,
    privateKey: await readFile(user, 'utf8'),
    folder,
    url: `sftp://localhost:${port}`,
    hostKey: /SHA256:\S+/.exec(fingerprint)?.[0] ?? '',
    signalSessions: (signal) => signalChildren(server.pid, signal),
    stop: async () => {
      await signalChildren(server.pid, 'SIGCONT')
      await signalChildren(server.pid, 'SIGKILL') // sessions outlive the server that started them
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    }
  }
}
