import { userInfoOf } from '@sluice/shared/address'
import type { CredentialSettings } from '@sluice/shared/fetch-settings'

/** Who we are to the vendor's server. */
export type Credentials = CredentialSettings & {
  /** Password, token or private key. */
  secret: string
}

/** User and password that stand in the address itself, as they did before secrets were sealed. */
export const credentialsIn = (url: URL): Credentials | undefined => {
  const found = userInfoOf(url)
  return found === undefined ? undefined : { scheme: 'basic', user: found.user, secret: found.password }
}

/** The URL and the headers of a request with these credentials; a key is for SFTP and says nothing here. */
export const authorize = (
  url: URL,
  credentials: Credentials | undefined
): { url: URL; headers: Record<string, string> } => {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  switch (credentials?.scheme) {
    case 'basic': {
      const pair = Buffer.from(`${credentials.user}:${credentials.secret}`).toString('base64')
      return { url: bare, headers: { authorization: `Basic ${pair}` } }
    }
    case 'bearer':
      return { url: bare, headers: { authorization: `Bearer ${credentials.secret}` } }
    case 'header':
      return { url: bare, headers: { [credentials.name.toLowerCase()]: credentials.secret } }
    case 'query':
      bare.searchParams.set(credentials.name, credentials.secret)
      return { url: bare, headers: {} }
    default:
      return { url: bare, headers: {} }
  }
}
