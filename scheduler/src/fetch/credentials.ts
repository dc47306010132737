import type { CredentialSettings } from '@sluice/shared/fetch-settings'

/** Who we are to the vendor's server. */
export type Credentials = CredentialSettings & {
  /** Password, token or private key. */
  secret: string
}

/** User and password that stand in the address itself, as they did before secrets were sealed. */
export const credentialsIn = (url: URL): Credentials | undefined =>
  url.username === '' && url.password === ''
    ? undefined
    : { scheme: 'basic', user: decoded(url.username), secret: decoded(url.password) }

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

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a percent sign that was meant as one
  }
}
