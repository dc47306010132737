import { isIP } from 'node:net'
import { PassThrough } from 'node:stream'
import { Client, FTPError } from 'basic-ftp'
import { toError } from '@sluice/shared/errors'
import { RunError, TransientError } from '../errors.ts'
import type { FeedBody, FetchRequest, FetchRules } from './body.ts'
import { connectToFirst } from './egress.ts'
import { chunksOf } from './chunks.ts'
import { credentialsIn } from './credentials.ts'
import { toFetchError } from './failure.ts'
import { toFtpError } from './ftp-error.ts'
import { toRemoteBody } from './remote-body.ts'
import { untilUploaded, type RemoteFile } from './remote-file.ts'

const PORTS = { plain: 21, explicit: 21, implicit: 990 } as const

/**
 * A feed on an FTP server, plain or with TLS. Data comes from the host of the control connection and no other: a
 * server that names another one is refused, so it cannot send us into a network of ours. The path is that of RFC 1738:
 * from where the login leads, `/%2F…` from the root.
 * @throws RunError; TransientError when another attempt may go better
 */
export const openFtp = async (
  url: URL,
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<FeedBody> => {
  const { limits } = rules
  const client = new Client(limits.stallTimeoutMs, { allowSeparateTransferHost: false })
  const close = (): void => client.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    await login(client, url, request, rules, signal)
    const path = decodeURIComponent(url.pathname.slice(1))
    const look = lookThrough(client)
    const { upload: rule } = request.settings
    const file = await untilUploaded({ path, rule, look, checkMs: limits.uploadCheckMs, signal })
    const chunks = retrieve(client, path)
    const explain = (thrown: unknown): unknown => toFtpError(thrown, url)
    return toRemoteBody({ path, file, chunks, look, explain, signal, limits })
  } catch (thrown) {
    client.close()
    throw toFetchError(toFtpError(thrown, url), signal, limits)
  }
}

const login = async (
  client: Client,
  url: URL,
  { settings, credentials: stored }: FetchRequest,
  { egress, limits }: FetchRules,
  signal: AbortSignal
): Promise<void> => {
  const tls = tlsOf(url, settings.tls)
  const credentials = stored ?? credentialsIn(url)
  if (credentials !== undefined && credentials.scheme !== 'basic') {
    throw new RunError('FETCH_SETTINGS', 'An FTP server takes a user and a password, or nothing')
  }
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = await egress.resolve(hostname, signal)
  await connectToFirst(addresses, async (host) => {
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      client.close()
    }, limits.connectTimeoutMs)
    try {
      await client.access({
        host,
        port: url.port === '' ? PORTS[tls] : Number(url.port),
        secure: tls === 'implicit' ? tls : tls === 'explicit',
        // The certificate must be that of the name, the connection goes to the address that was judged.
        secureOptions: isIP(hostname) === 0 ? { servername: hostname } : {},
        ...(credentials === undefined ? {} : { user: credentials.user, password: credentials.secret })
      })
    } catch (thrown) {
      if (!isLate || signal.aborted) throw thrown
      const message = `${url.host} did not let us in within ${limits.connectTimeoutMs} ms`
      throw new TransientError('FETCH_TIMEOUT', message)
    } finally {
      clearTimeout(late)
    }
  })
}

const tlsOf = (url: URL, setting: 'explicit' | 'implicit' | undefined): keyof typeof PORTS => {
  if (url.protocol === 'ftps:') return setting ?? (url.port === '990' ? 'implicit' : 'explicit')
  if (setting === undefined) return 'plain'
  throw new RunError('FETCH_SETTINGS', 'TLS is for ftps:// addresses; this one is ftp://')
}

const lookThrough =
  (client: Client) =>
  async (path: string): Promise<RemoteFile | undefined> => {
    try {
      const size = await client.size(path)
      const modifiedAt = await client.lastMod(path).catch(unlessUnknown)
      return { size, ...(modifiedAt === undefined ? {} : { modifiedAt }) }
    } catch (thrown) {
      if (thrown instanceof FTPError && thrown.code === 550) return undefined
      throw thrown
    }
  }

/** Of a server that has no such command. */
const unlessUnknown = (thrown: unknown): undefined => {
  if (thrown instanceof FTPError && thrown.code >= 500 && thrown.code <= 504) return undefined
  throw thrown
}

/** Whole only when the server has said so: its connection for data ends the same way when it broke off. */
const retrieve = async function* (client: Client, path: string): AsyncGenerator<Buffer> {
  const through = new PassThrough()
  const retrieved = client.downloadTo(through, path)
  retrieved.catch((thrown: unknown) => through.destroy(toError(thrown)))
  yield* chunksOf(through)
  await retrieved
}
