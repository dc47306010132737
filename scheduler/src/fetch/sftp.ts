import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import SftpClient from 'ssh2-sftp-client'
import { bounded } from '@sluice/shared/bounded'
import { codeOf } from '@sluice/shared/errors'
import { RunError, TransientError } from '../errors.ts'
import type { FeedBody, FetchLimits, FetchRequest, FetchRules } from './body.ts'
import { connectToFirst } from './egress.ts'
import { chunksOf } from './chunks.ts'
import { credentialsIn, type Credentials } from './credentials.ts'
import { toFetchError } from './failure.ts'
import { toSftpError } from './sftp-error.ts'
import { toRemoteBody } from './remote-body.ts'
import { untilUploaded, type RemoteFile } from './remote-file.ts'

const PORT = 22
const READ_BYTES = 256 * 1024

/**
 * A feed on an SFTP server whose key is pinned: without that, whoever stands in between reads our password. Paths are
 * absolute; `/~/…` is from where the login leads.
 * @throws RunError; TransientError when another attempt may go better
 */
export const openSftp = async (
  url: URL,
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<FeedBody> => {
  const { limits } = rules
  let socket: Socket | undefined
  const close = (): void => void socket?.destroy()
  signal.addEventListener('abort', close, { once: true })
  try {
    socket = await connectTo(url, rules, signal)
    const client = new SftpClient('feed', { error: close, end: close, close }) // else it writes to the console
    await logIn(client, socket, url, request, limits.connectTimeoutMs)
    const path = decodeURIComponent(url.pathname).replace(/^\/~\//, '')
    const look = lookThrough(client, limits.stallTimeoutMs)
    const { upload: rule } = request.settings
    const file = await untilUploaded({ path, rule, look, checkMs: limits.uploadCheckMs, signal })
    const chunks = retrieve(client, socket, path, limits.stallTimeoutMs)
    const explain = (thrown: unknown): unknown => toSftpError(thrown, url)
    return toRemoteBody({ path, file, chunks, look, explain, signal, limits })
  } catch (thrown) {
    close()
    throw toFetchError(toSftpError(thrown, url), signal, limits)
  }
}

const connectTo = async (url: URL, { egress, limits }: FetchRules, signal: AbortSignal): Promise<Socket> => {
  const addresses = await egress.resolve(url.hostname, signal)
  return connectToFirst(addresses, (host) => connectAt(host, url, limits, signal))
}

const connectAt = async (
  host: string,
  url: URL,
  limits: FetchLimits,
  signal: AbortSignal
): Promise<Socket> => {
  const port = url.port === '' ? PORT : Number(url.port)
  const socket = connect({ host, port, noDelay: true })
  try {
    await once(socket, 'connect', {
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.connectTimeoutMs)])
    })
    return socket
  } catch (thrown) {
    socket.destroy()
    if (codeOf(thrown) !== 'ABORT_ERR' || signal.aborted) throw thrown
    const message = `${url.host} did not answer the connection within ${limits.connectTimeoutMs} ms`
    throw new TransientError('FETCH_TIMEOUT', message)
  }
}

const logIn = async (
  client: SftpClient,
  sock: Socket,
  url: URL,
  { settings: { hostKey }, credentials: stored }: FetchRequest,
  readyTimeout: number
): Promise<void> => {
  let shown = ''
  try {
    await client.connect({
      sock,
      readyTimeout,
      ...loginOf(stored ?? credentialsIn(url)),
      hostVerifier: (key: Buffer) => {
        shown = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
        return shown === hostKey
      }
    })
  } catch (thrown) {
    if (shown === '' || shown === hostKey) throw thrown
    const problem = hostKey === undefined ? 'is not known yet' : `is not the pinned one, ${hostKey}`
    throw new RunError(
      'FETCH_HOST_KEY',
      `The key of ${url.host}, ${shown}, ${problem}. Compare it with what the vendor says, then pin it: ` +
        '`sluice feeds access <feed> --host-key SHA256:…`'
    )
  }
}

const loginOf = (credentials: Credentials | undefined): { username: string } & Record<string, string> => {
  switch (credentials?.scheme) {
    case 'basic':
      return { username: credentials.user, password: credentials.secret }
    case 'key':
      return { username: credentials.user, privateKey: credentials.secret }
    default:
      throw new RunError('FETCH_SETTINGS', 'An SFTP server takes a user with a password or a private key')
  }
}

const lookThrough =
  (client: SftpClient, stallTimeoutMs: number) =>
  async (path: string): Promise<RemoteFile | undefined> => {
    try {
      const { size, modifyTime } = await bounded(
        client.stat(path),
        stallTimeoutMs,
        'the answer of the server'
      )
      return { size, modifiedAt: new Date(modifyTime) }
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return undefined
      throw thrown
    }
  }

/** The library has no timer of its own, and some servers leave without a word. */
const retrieve = async function* (
  client: SftpClient,
  socket: Socket,
  path: string,
  stallTimeoutMs: number
): AsyncGenerator<Buffer> {
  const stream: Readable = client.createReadStream(path, { highWaterMark: READ_BYTES })
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => undefined) // nobody may be waiting when it breaks
  const stalled = (): void =>
    broken.reject(new TransientError('FETCH_STALLED', `The server was silent for ${stallTimeoutMs} ms`))
  const gone = (): void =>
    broken.reject(
      new TransientError('FETCH_CUT_SHORT', 'The connection ended before the whole feed had come')
    )
  socket.once('close', gone)
  const chunks = chunksOf(stream)[Symbol.asyncIterator]()
  try {
    for (;;) {
      // Only while we wait for the server: how long we take ourselves is not its fault.
      const timer = setTimeout(stalled, stallTimeoutMs)
      const { done, value } = await Promise.race([chunks.next(), broken.promise]).finally(() =>
        clearTimeout(timer)
      )
      if (done === true) return
      yield value
    }
  } finally {
    socket.removeListener('close', gone)
    stream.destroy()
  }
}
