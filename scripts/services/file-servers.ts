import { access } from 'node:fs/promises'
import { canInstall, installPackages } from './debian.ts'

/** Servers a feed may come from. Only the tests need them, and start them on ports of their own. */
const FILE_SERVERS = [
  { program: '/usr/sbin/proftpd', packages: ['proftpd-core', 'proftpd-mod-crypto'] },
  { program: '/usr/sbin/sshd', packages: ['openssh-server'] },
  { program: '/usr/bin/openssl', packages: ['openssl'] }
]

/** Installs what is missing, where we may; `false` where we may not, or cannot: their tests are skipped and say so. */
export const provideFileServers = async (note: (text: string) => void): Promise<boolean> => {
  const packages: string[] = []
  for (const server of FILE_SERVERS) {
    const isThere = await access(server.program).then(
      () => true,
      () => false
    )
    if (!isThere) packages.push(...server.packages)
  }
  if (packages.length === 0) return true
  if (!(await canInstall())) return false
  try {
    await installPackages(packages, note)
    return true
  } catch {
    return false // no network, say: nothing else depends on them
  }
}
