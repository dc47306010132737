import { access, rm, writeFile } from 'node:fs/promises'
import { mustRun } from '../command.ts'
import type { Service } from './service.ts'

const APT = '/usr/bin/apt-get'
const POLICY = '/usr/sbin/policy-rc.d'
const INSTALL_TIMEOUT_MS = 15 * 60_000

/** Whether we may install packages: root on Debian, Ubuntu or a relative. */
export const canInstall = async (): Promise<boolean> => process.getuid?.() === 0 && (await exists(APT))

/** Installs what is not there yet and starts all of them by hand. Returns the address of each, in order. */
export const startOnDebian = async (
  services: readonly Service[],
  note: (text: string) => void
): Promise<string[]> => {
  const missing: Service[] = []
  for (const service of services) if (!(await service.debian.isInstalled())) missing.push(service)
  if (missing.length > 0) await install(missing, note)
  const urls: string[] = []
  for (const service of services) {
    note(`starting ${service.title}`)
    urls.push(await service.debian.start())
  }
  return urls
}

const install = async (services: readonly Service[], note: (text: string) => void): Promise<void> => {
  await installPackages(
    services.flatMap((service) => service.debian.packages),
    note
  )
  for (const { debian } of services) await debian.configure?.()
}

/** Installs packages without starting anything. @throws Error when one cannot be had */
export const installPackages = async (
  packages: readonly string[],
  note: (text: string) => void
): Promise<void> => {
  const env = { DEBIAN_FRONTEND: 'noninteractive', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }
  const options = { env, timeoutMs: INSTALL_TIMEOUT_MS, onLine: (line: string) => note(`apt-get: ${line}`) }
  await withoutServiceStart(async () => {
    await mustRun(APT, ['update'], options)
    const flags = ['--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']
    await mustRun(APT, ['install', ...flags, ...packages], options)
  })
}

/**
 * Packages may not start their servers while they are installed: a container has no init to do it, and where there
 * is one they would start before they are configured. This is Debian's own way to say so.
 */
const withoutServiceStart = async (work: () => Promise<void>): Promise<void> => {
  const isOurs = !(await exists(POLICY))
  if (isOurs) await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await work()
  } finally {
    if (isOurs) await rm(POLICY, { force: true })
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false
  )
