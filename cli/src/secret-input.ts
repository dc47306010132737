import type { Readable } from 'node:stream'
import { generateSecret, secretProblem, type ResolvedAuth } from '@sluice/shared/auth'
import { UsageError } from './errors.ts'
import type { Output } from './output.ts'

/** A secret is never an argument: those stand in the history of the shell and in the list of processes. */

const MAX_BYTES = 65_536

/** The secret a vendor gave us, from stdin; one line break at its end is the shell's. */
export const readSecret = async (stdin: Readable): Promise<string> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BYTES)
      throw new UsageError('SECRET_INVALID', 'What came on stdin is too long for a secret.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

/**
 * A new secret, made here with `isGenerated`, else read from stdin.
 * @throws UsageError `SECRET_INVALID` saying what the scheme wants, never what was given
 */
export const newSecret = async (auth: ResolvedAuth, isGenerated: boolean, out: Output): Promise<string> => {
  if (isGenerated) {
    const secret = generateSecret(auth)
    if (secret !== undefined) return secret
    throw new UsageError('SECRET_INVALID', 'Only the vendor can give this secret; send it on stdin.')
  }
  if (process.stdin.isTTY) out.note('Paste the secret, then press Enter and Ctrl-D.')
  const secret = await readSecret(process.stdin)
  const problem = secretProblem(auth, secret)
  if (problem !== undefined) throw new UsageError('SECRET_INVALID', `It cannot be used: ${problem}.`)
  return secret
}
