import { userInfoOf } from '@sluice/shared/address'
import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  toFetchSettings,
  type CredentialSettings,
  type FetchSettings,
  type PageRule
} from '@sluice/shared/fetch-settings'
import { charsetNamed } from '@sluice/shared/records'
import { UsageError } from './errors.ts'

/** How a feed is fetched, as it is typed. Pure. */
export interface AccessOptions {
  basic?: string
  bearer?: boolean
  header?: string
  query?: string
  key?: string
  /** `false`: none any more. */
  credentials?: false
  hostKey?: string
  tls?: 'explicit' | 'implicit'
  doneFile?: string | false
  pages?: PageRule | false
  entry?: string | false
  charset?: string | false
}

const CREDENTIALS = ['basic', 'bearer', 'header', 'query', 'key'] as const

/** Adds the options to a command; the secret itself always comes on stdin. */
export const withAccessOptions = (command: Command): Command =>
  command
    .option('--basic <user>', 'HTTP(S), FTP(S), SFTP: this user, the password on stdin')
    .option('--bearer', 'HTTP(S): a bearer token, on stdin')
    .option('--header <name>', 'HTTP(S): a secret in this header, on stdin')
    .option('--query <name>', 'HTTP(S): a secret in this query parameter, on stdin')
    .option('--key <user>', 'SFTP: this user, the private key (without passphrase) on stdin')
    .option('--host-key <fingerprint>', "SFTP: the server's key, SHA256:…")
    .addOption(
      new Option('--tls <kind>', 'FTPS: explicit (default) or implicit').choices(['explicit', 'implicit'])
    )
    .option(
      '--done-file <path>',
      'FTP(S), SFTP: read only when this file is there; * is the path of the feed'
    )
    .option('--entry <name>', 'a zip archive: the feed in it, * standing for anything; else its largest file')
    .option('--charset <name>', 'of a file that is not UTF-8 and does not say which it is: windows-1251')
    .option('--pages <rule>', 'parameter:page, parameter:page:0, link, or json:links.next', toPageRule)

const toPageRule = (text: string): PageRule => {
  const [by, name = '', first, ...more] = text.split(':')
  const rule: unknown =
    by === 'parameter'
      ? { by, name, first: Number(first ?? 1) }
      : by === 'json'
        ? { by, path: name.split('.') }
        : { by }
  const settings = more.length === 0 ? toFetchSettings({ pages: rule }) : undefined
  if (settings?.pages !== undefined) return settings.pages
  throw new InvalidArgumentError('A rule is parameter:page, parameter:page:0, link, or json:links.next.')
}

export interface Access {
  settings: FetchSettings
  /** What the secret on stdin is for. */
  wants: CredentialSettings | undefined
}

/** The settings with what was given changed. @throws UsageError `ACCESS_INVALID` */
export const toAccess = (before: FetchSettings, options: AccessOptions): Access => {
  const given = CREDENTIALS.filter((name) => options[name] !== undefined)
  if (given.length + (options.credentials === false ? 1 : 0) > 1) {
    throw new UsageError('ACCESS_INVALID', 'A feed has one kind of credentials; give one.')
  }
  const wants = credentialsOf(options)
  const { credentials, upload, pages, entry, charset, ...rest } = before
  const kept = wants ?? (options.credentials === false ? undefined : credentials)
  const doneFile = options.doneFile
  const changed = {
    ...rest,
    ...(kept === undefined ? {} : { credentials: kept }),
    ...(options.hostKey === undefined ? {} : { hostKey: options.hostKey }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(typeof doneFile === 'string' ? { upload: { rule: 'done-file', path: doneFile } } : {}),
    ...(doneFile === undefined && upload !== undefined ? { upload } : {}),
    ...changedOr('pages', options.pages, pages),
    ...changedOr('entry', options.entry, entry),
    ...changedOr('charset', options.charset, charset)
  }
  if (typeof options.charset === 'string' && charsetNamed(options.charset) === undefined) {
    throw new UsageError(
      'ACCESS_INVALID',
      `There is no charset "${options.charset}" that can be read; names are like windows-1251, iso-8859-2 or koi8-r.`
    )
  }
  const settings = toFetchSettings(changed)
  if (settings !== undefined) return { settings, wants }
  throw new UsageError(
    'ACCESS_INVALID',
    'It cannot be used: a user has no colon, a header or parameter is letters, digits and -_., a host key is ' +
      'SHA256: and 43 characters, as `ssh-keygen -l` prints it, and a charset has a name of one word.'
  )
}

/** What was given, nothing if it is `false`, and else what was there before. */
const changedOr = <T>(name: string, given: T | false | undefined, before: T | undefined): object => {
  const value = given === undefined ? before : given
  return value === undefined || value === false ? {} : { [name]: value }
}

const credentialsOf = ({
  basic,
  bearer,
  header,
  query,
  key
}: AccessOptions): CredentialSettings | undefined => {
  if (basic !== undefined) return { scheme: 'basic', user: basic }
  if (bearer === true) return { scheme: 'bearer' }
  if (header !== undefined) return { scheme: 'header', name: header }
  if (query !== undefined) return { scheme: 'query', name: query }
  return key === undefined ? undefined : { scheme: 'key', user: key }
}

/** Why a secret cannot be used so; never quotes it. */
export const accessSecretProblem = ({ scheme }: CredentialSettings, secret: string): string | undefined => {
  if (secret === '') return 'it is empty'
  if (scheme === 'key') {
    if (!/^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(secret))
      return 'it is no private key in PEM or OpenSSH format'
    return /ENCRYPTED/.test(secret) ? 'the key has a passphrase; give one without' : undefined
  }
  return /\p{Cc}/u.test(secret) ? 'it holds a line break or another control character' : undefined
}

/** User and password that stand in an address, and the address without them. */
export const splitAddress = (
  address: string
): { address: string; user: string; password: string } | undefined => {
  const url = URL.parse(address)
  const found = url === null ? undefined : userInfoOf(url)
  if (url === null || found === undefined) return undefined
  url.username = ''
  url.password = ''
  return { address: url.href, ...found }
}
