import { appendFile, rm, utimes, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FetchSettings } from '@sluice/shared/fetch-settings'
import type { FetchRequest } from '../scheduler/src/fetch/body.ts'
import { createCertificate, type Certificate } from './support/certificate.ts'
import { fetching, fetchText, textOf } from './support/fetching.ts'
import { ftpMissing, startFtp, type FtpServer } from './support/ftp.ts'
import { sshMissing, startSsh, type SshServer } from './support/sftp.ts'

/** Feeds on real FTP, FTPS and SFTP servers. */

const missing = ftpMissing() ?? sshMissing()
const XML = '<root><property><id>1</id></property></root>'
/** More than any buffer on the way holds. */
const LARGE = `<root>${'<property><id>1</id></property>'.repeat(1_500_000)}</root>`

let certificate: Certificate
let ftp: FtpServer
let ssh: SshServer

beforeAll(async () => {
  if (missing !== undefined) return
  certificate = await createCertificate()
  certificate.trust()
  ;[ftp, ssh] = await Promise.all([startFtp(certificate), startSsh()])
})
afterAll(async () => {
  await ftp?.stop()
  await ssh?.stop()
  await certificate?.remove()
})

/** Ways to one file: name, address of the folder, folder on disk, request. */
type Way = { base: string; folder: string } & Omit<FetchRequest, 'address'>
const password = () => ({ scheme: 'basic', user: ftp.user, secret: ftp.password }) as const
const key = () => ({ scheme: 'key', user: ssh.user, secret: ssh.privateKey }) as const
const WAYS: [string, () => Way][] = [
  ['FTP', () => ({ base: ftp.plain, folder: ftp.folder, settings: {}, credentials: password() })],
  [
    'explicit FTPS',
    () => ({ base: ftp.explicit, folder: ftp.folder, settings: {}, credentials: password() })
  ],
  [
    'implicit FTPS',
    () => ({
      base: ftp.implicit,
      folder: ftp.folder,
      settings: { tls: 'implicit' },
      credentials: password()
    })
  ],
  [
    'SFTP with a password',
    () => ({
      base: ftp.sftp,
      folder: ftp.folder,
      settings: { hostKey: ftp.hostKey },
      credentials: password()
    })
  ],
  [
    'SFTP with a key',
    () => ({
      base: `${ssh.url}${ssh.folder}`,
      folder: ssh.folder,
      settings: { hostKey: ssh.hostKey },
      credentials: key()
    })
  ]
]

let files = 0
/** A file of its own, and the request for it. */
const put = async (way: () => Way, text: string, settings: FetchSettings = {}) => {
  const { base, folder, settings: usual, ...rest } = way()
  const name = `feed ${++files}.xml`
  const path = join(folder, name)
  await writeFile(path, text)
  return {
    path,
    request: { ...rest, address: `${base}/${encodeURIComponent(name)}`, settings: { ...usual, ...settings } }
  }
}

describe.skipIf(missing !== undefined)(
  `files of a server${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    describe.each(WAYS)('%s', (_name, way) => {
      test('brings a file, its size and its time', async () => {
        const { path, request } = await put(way, XML)
        const at = new Date('2026-11-24T05:06:07Z')
        await utimes(path, at, at)
        await fetching(request, async (opened) => {
          expect(opened).toMatchObject({ bytesTotal: XML.length, lastModifiedAt: at })
          expect(await textOf(opened)).toBe(XML)
        })
      })

      test('brings a large file byte for byte', async () => {
        const { path, request } = await put(way, LARGE)
        expect((await fetchText(request)) === LARGE).toBe(true)
        await rm(path)
      })

      test('says that a file is not there', async () => {
        const { path, request } = await put(way, XML)
        await rm(path)
        await expect(fetchText(request)).rejects.toMatchObject({ code: 'FETCH_NOT_FOUND' })
      })

      test('waits until a file stands still', async () => {
        const { path, request } = await put(way, '<root>')
        const fetched = fetchText(request, { limits: { uploadCheckMs: 300 } })
        for (const part of ['<property>', '<id>1</id>', '</property></root>']) {
          await new Promise((resolve) => setTimeout(resolve, 100)) // the vendor, sending
          await appendFile(path, part)
        }
        expect(await fetched).toBe(XML)
      })

      test('leaves a file that keeps growing, or is empty, for later', async () => {
        const growing = await put(way, '<root>')
        const timer = setInterval(() => void appendFile(growing.path, '<a/>'), 5)
        const fetched = fetchText(growing.request, { limits: { uploadCheckMs: 100 } })
        await expect(fetched).rejects.toMatchObject({ code: 'FETCH_UPLOADING' })
        clearInterval(timer)
        const empty = await put(way, '')
        await expect(fetchText(empty.request)).rejects.toMatchObject({ code: 'FETCH_UPLOADING' })
      })

      test('waits for a done-file that is not older', async () => {
        const { path, request } = await put(way, XML, { upload: { rule: 'done-file', path: '*.done' } })
        await expect(fetchText(request)).rejects.toMatchObject({ code: 'FETCH_UPLOADING' })
        await writeFile(`${path}.done`, '')
        expect(await fetchText(request)).toBe(XML)
        const yesterday = new Date(Date.now() - 86_400_000)
        await utimes(`${path}.done`, yesterday, yesterday)
        await expect(fetchText(request)).rejects.toMatchObject({ code: 'FETCH_UPLOADING' })
      })

      test('notices a file that was replaced while it was read', async () => {
        const { path, request } = await put(way, LARGE)
        const reading = fetching(request, async (opened) => {
          await writeFile(path, XML)
          return textOf(opened)
        })
        await expect(reading).rejects.toMatchObject({ code: 'FETCH_CHANGED' })
      })

      test('is denied with the wrong credentials, and does not show them', async () => {
        const { request } = await put(way, XML)
        const credentials = { scheme: 'basic', user: 'agencia', secret: 'wr0ng-secret' } as const
        const fetched = fetchText({ ...request, credentials })
        await expect(fetched).rejects.toMatchObject({ code: 'FETCH_DENIED' })
        await expect(fetched).rejects.not.toThrow('wr0ng-secret')
      })

      test('is not connected to unless it may be', async () => {
        const { request } = await put(way, XML)
        const fetched = fetchText(request, { allow: '' })
        await expect(fetched).rejects.toMatchObject({ code: 'FETCH_EGRESS' })
      })

      test('is reached at its second address where nobody is at the first', async () => {
        const { request } = await put(way, XML)
        const resolver = async () => [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 }
        ]
        expect(await fetchText(request, { resolver })).toBe(XML)
      })

      test.each([
        ['falls silent', 'SIGSTOP', 'FETCH_STALLED'],
        ['dies', 'SIGKILL', /FETCH_(CUT_SHORT|UNREACHABLE|CHANGED)/]
      ] as const)('of a server that %s is cut short', async (_what, signal, code) => {
        const { path, request } = await put(way, LARGE)
        const reading = fetching(
          request,
          async (opened) => {
            if ('isNotModified' in opened) throw new Error('nothing was there before')
            for await (const _chunk of opened.bytes) {
              await ftp.signalSessions(signal)
              await ssh.signalSessions(signal)
            }
          },
          { limits: { stallTimeoutMs: 1_000 } }
        )
        await expect(reading).rejects.toMatchObject({
          name: 'CutShortError',
          code: typeof code === 'string' ? code : (expect.stringMatching(code) as unknown)
        })
        for (const server of [ftp, ssh]) {
          await server.signalSessions('SIGCONT')
          await server.signalSessions('SIGKILL')
        }
        await rm(path)
      })
    })

    test('an FTP server is reached at its second address where nobody answers at the first', async () => {
      const { request } = await put(() => ({ base: ftp.plain, folder: ftp.folder, settings: {} }), XML)
      const silent = createServer((socket) => socket.on('error', () => undefined))
      silent.listen(Number(new URL(ftp.plain).port), '::1')
      await once(silent, 'listening')
      const resolver = async () => [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 }
      ]
      const credentials = password()
      expect(
        await fetchText({ ...request, credentials }, { resolver, limits: { connectTimeoutMs: 2_000 } })
      ).toBe(XML)
      silent.close()
    })

    test('an FTP server that sends its data from another host is refused', async () => {
      const { request } = await put(
        () => ({ base: ftp.elsewhere, folder: ftp.folder, settings: {}, credentials: password() }),
        XML
      )
      await expect(fetchText(request)).rejects.toMatchObject({ code: 'FETCH_EGRESS' })
    })

    test.each([
      ['explicit', () => ftp.explicit, {}],
      ['implicit', () => ftp.implicit, { tls: 'implicit' }]
    ] as const)('%s FTPS with a certificate for another name is refused', async (_name, base, settings) => {
      const address = `${base().replace('localhost', '127.0.0.1')}/feed.xml`
      const fetched = fetchText({ address, settings, credentials: password() })
      await expect(fetched).rejects.toMatchObject({ code: 'FETCH_UNREACHABLE' })
    })

    test('an SFTP server that is not known shows its key, and another one than the pinned is refused', async () => {
      const address = `${ssh.url}${ssh.folder}/feed.xml`
      const unknown = fetchText({ address, credentials: key() })
      await expect(unknown).rejects.toMatchObject({
        code: 'FETCH_HOST_KEY',
        message: expect.stringContaining(ssh.hostKey) as unknown
      })
      const another = fetchText({ address, credentials: key(), settings: { hostKey: ftp.hostKey } })
      await expect(another).rejects.toMatchObject({
        code: 'FETCH_HOST_KEY',
        message: expect.stringContaining(ftp.hostKey) as unknown
      })
    })

    test.each([
      ['TLS for plain ftp://', () => ({ address: `${ftp.plain}/x`, settings: { tls: 'explicit' as const } })],
      ['a key for FTP', () => ({ address: `${ftp.plain}/x`, credentials: key() })],
      ['no credentials for SFTP', () => ({ address: `${ssh.url}/x`, settings: { hostKey: ssh.hostKey } })]
    ])('%s is a wrong setting', async (_name, request) => {
      await expect(fetchText(request())).rejects.toMatchObject({ code: 'FETCH_SETTINGS' })
    })
  }
)
