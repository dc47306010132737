import { FTPError } from 'basic-ftp'
import { expect, test } from 'vitest'
import { CutShortError, RunError } from '../errors.ts'
import { toFtpError } from './ftp-error.ts'
import { toRemoteBody } from './remote-body.ts'
import { toSftpError } from './sftp-error.ts'

/** A file of three bytes, of which all came before the server was asked about it once more. */
const readWith = async (look: () => Promise<undefined>, toWhat: typeof toFtpError): Promise<string> => {
  const { bytes } = toRemoteBody({
    path: 'feed.xml',
    file: { size: 3 },
    chunks: chunks(),
    look,
    explain: (thrown) => toWhat(thrown, new URL('ftp://v.example/feed.xml')),
    signal: new AbortController().signal,
    limits: { connectTimeoutMs: 1, stallTimeoutMs: 1, timeoutMs: 1, maxBytes: 9, uploadCheckMs: 1 }
  })
  let text = ''
  for await (const chunk of bytes) text += chunk.toString()
  return text
}
const chunks = async function* (): AsyncGenerator<Buffer> {
  yield Buffer.from(await Promise.resolve('xml'))
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code })

test.each<[string, Error, typeof toFtpError]>([
  ['FETCH_STALLED', new Error('Timeout (control socket)'), toFtpError],
  ['FETCH_UNREACHABLE', new Error('Server closed connection unexpectedly.'), toFtpError],
  ['FETCH_UNREACHABLE', new Error('Client is closed because Timeout (control socket)'), toFtpError],
  ['FETCH_STATUS', new FTPError({ code: 421, message: '421 Idle for too long' }), toFtpError],
  ['FETCH_STALLED', new Error('the answer of the server took longer than 5 ms'), toSftpError],
  ['FETCH_UNREACHABLE', coded('ERR_NOT_CONNECTED', 'stat: No SFTP connection available'), toSftpError]
])('a server that is lost behind the last byte: %s, and what came counts', async (code, problem, toWhat) => {
  const reading = readWith(() => Promise.reject(problem), toWhat)
  await expect(reading).rejects.toBeInstanceOf(CutShortError)
  await expect(reading).rejects.toMatchObject({ code })
})

test('what was replaced is no trouble of the connection, whatever its name', async () => {
  const changed = new CutShortError('FETCH_CHANGED', 'Timeout.xml was replaced')
  expect(toFtpError(changed, new URL('ftp://v.example/Timeout.xml'))).toBe(changed)
  await expect(readWith(() => Promise.resolve(undefined), toFtpError)).rejects.toMatchObject({
    code: 'FETCH_CHANGED'
  })
})

test('a mistake of ours stays one', () => {
  const bug = new TypeError('x is not a function')
  expect(toFtpError(bug, new URL('ftp://v.example/'))).toBe(bug)
  expect(toSftpError(bug, new URL('sftp://v.example/'))).toBe(bug)
  expect(toFtpError(bug, new URL('ftp://v.example/'))).not.toBeInstanceOf(RunError)
})
