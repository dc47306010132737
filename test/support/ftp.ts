import { accessSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import { freePort, run, runToEnd, waitFor } from './process.ts'

/** ProFTPD with one user, on ports of its own: plain, with both kinds of TLS, and as an SFTP server with passwords. */
export interface FtpServer {
  user: string
  password: string
  /** Where the login leads. */
  folder: string
  plain: string
  explicit: string
  implicit: string
  /** Without EPSV; says that its data come from 10.0.0.1. */
  elsewhere: string
  sftp: string
  /** The key of `sftp`, as one pins it. */
  hostKey: string
  /** Signals the processes that serve somebody right now. */
  signalSessions: (signal: NodeJS.Signals) => Promise<void>
  stop: () => Promise<void>
}

const PROGRAM = '/usr/sbin/proftpd'
const USER = 'agencia'
const PASSWORD = 'pässwörd 1'
const NOBODY = 65_534

/** Why there is no such server here; `undefined` when there is. */
export const ftpMissing = (): string | undefined => missing(PROGRAM, 'proftpd-core, proftpd-mod-crypto')

export const missing = (program: string, packages: string): string | undefined => {
  try {
    accessSync(program)
    return undefined
  } catch {
    return `${program} is not installed (Debian: ${packages}); npm test installs it as root`
  }
}

export const startFtp = async (certificate: Certificate): Promise<FtpServer> => {
  const home = await mkdtemp(join(tmpdir(), 'sluice-ftp-'))
  const folder = join(home, 'files')
  await mkdir(folder)
  for (const path of [home, folder]) await chmod(path, 0o755)
  const hostKeyFile = join(home, 'host_key')
  await runToEnd('ssh-keygen', ['-q', '-t', 'ed25519', '-m', 'PEM', '-N', '', '-f', hostKeyFile])
  const hash = (await runToEnd('openssl', ['passwd', '-6', PASSWORD])).trim()
  const uid = process.getuid?.() === 0 ? NOBODY : (process.getuid?.() ?? NOBODY)
  const users = join(home, 'users')
  await writeFile(users, `${USER}:${hash}:${uid}:${uid}::${folder}:/bin/false\n`, { mode: 0o600 })
  const [plain, explicit, implicit, elsewhere, sftp] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
    freePort()
  ])
  const config = join(home, 'proftpd.conf')
  await writeFile(
    config,
    toConfig({ home, users, certificate, hostKeyFile, plain, explicit, implicit, elsewhere, sftp })
  )
  const server = run(PROGRAM, ['--nodaemon', '--config', config])
  await waitFor('ProFTPD to listen', () => isListening(sftp)).catch((error: unknown) => {
    throw new Error(`ProFTPD did not start:\n${server.output()}`, { cause: error })
  })
  const fingerprint = await runToEnd('ssh-keygen', ['-l', '-f', `${hostKeyFile}.pub`])
  return {
    user: USER,
    password: PASSWORD,
    folder,
    plain: `ftp://localhost:${plain}`,
    explicit: `ftps://localhost:${explicit}`,
    implicit: `ftps://localhost:${implicit}`,
    elsewhere: `ftp://localhost:${elsewhere}`,
    sftp: `sftp://localhost:${sftp}`,
    hostKey: /SHA256:\S+/.exec(fingerprint)?.[0] ?? '',
    signalSessions: (signal) => signalChildren(server.pid, signal),
    stop: async () => {
      await signalChildren(server.pid, 'SIGCONT')
      await server.stop()
      await rm(home, { recursive: true, force: true })
    }
  }
}

/** Every process a server has started. */
export const signalChildren = async (pid: number, signal: NodeJS.Signals): Promise<void> => {
  for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const children = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')
    for (const child of children.split(' ').filter(Boolean).map(Number)) {
      await signalChildren(child, signal)
      try {
        process.kill(child, signal)
      } catch {
        // gone already
      }
    }
  }
}

export const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

interface Settings {
  home: string
  users: string
  certificate: Certificate
  hostKeyFile: string
  plain: number
  explicit: number
  implicit: number
  elsewhere: number
  sftp: number
}

const toConfig = (to: Settings): string => {
  const tls = (more = ''): string => `
    TLSEngine on
    TLSRequired on
    TLSECCertificateFile ${to.certificate.certFile}
    TLSECCertificateKeyFile ${to.certificate.keyFile}
    ${more}`
  const door = (port: number, more: string): string => `
  <VirtualHost 127.0.0.1>
    Port ${port}
    ${more}
  </VirtualHost>`
  return `
  LoadModule mod_tls.c
  LoadModule mod_sftp.c
  ServerType standalone
  ServerName sluice
  DefaultAddress 127.0.0.1
  Port ${to.plain}
  UseIPv6 off
  UseReverseDNS off
  User ${process.getuid?.() === 0 ? 'nobody' : '#' + String(process.getuid?.())}
  Group ${process.getuid?.() === 0 ? 'nogroup' : '#' + String(process.getgid?.())}
  PidFile ${to.home}/pid
  ScoreboardFile ${to.home}/scoreboard
  DelayEngine off
  SystemLog ${to.home}/log
  WtmpLog off
  <Global>
    AuthOrder mod_auth_file.c
    AuthUserFile ${to.users}
    RequireValidShell off
    UseFtpUsers off
    DefaultRoot ${process.getuid?.() === 0 ? '~' : 'none'}
    MaxLoginAttempts 1
  </Global>
  ${door(to.explicit, tls())}
  ${door(to.implicit, tls('TLSOptions UseImplicitSSL'))}
  ${door(to.elsewhere, 'MasqueradeAddress 10.0.0.1\n    <Limit EPSV>\n      DenyAll\n    </Limit>')}
  ${door(to.sftp, `SFTPEngine on\n    SFTPHostKey ${to.hostKeyFile}\n    SFTPAuthMethods password`)}
`
}
