import { generateSecret, secretProblem, type ResolvedAuth } from '@sluice/shared/auth'
import type { Context } from './context.ts'
import { UsageError } from './errors.ts'

/** A secret is never an argument: those stand in the history of the shell and in the list of processes. */

const MAX_BYTES = 65_536

type Typing = Pick<Context, 'out' | 'stdin'>

/** The secret a vendor gave us, from stdin; one line break at its end is the shell's. */
export const readSecret = async ({ out, stdin }: Typing): Promise<string> => {
  const typed = stdin()
  if (typed.isTTY === true) out.note('Paste the secret, then press Enter and Ctrl-D.')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of typed as AsyncIterable<Buffer>) {
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
export const newSecret = async (
  auth: ResolvedAuth,
  isGenerated: boolean,
  typing: Typing
): Promise<string> => {
  if (isGenerated) {
    const secret = generateSecret(auth)
    if (secret !== undefined) return secret
    throw new UsageError('SECRET_INVALID', 'Only the vendor can give this secret; send it on stdin.')
  }
  const secret = await readSecret(typing)
  const problem = secretProblem(auth, secret)
  if (problem !== undefined) throw new UsageError('SECRET_INVALID', `It cannot be used: ${problem}.`)
  return secret
}
