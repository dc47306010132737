import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { runToEnd } from './process.ts'

/** A certificate for `localhost`, by an authority of its own. */
export interface Certificate {
  folder: string
  certFile: string
  keyFile: string
  cert: string
  key: string
  /** Makes this process believe in it. */
  trust: () => void
  /** Removes it, and the belief. */
  remove: () => Promise<void>
}

export const createCertificate = async (): Promise<Certificate> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-certificate-'))
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  await runToEnd('openssl', ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...subject])
  const cert = await readFile(certFile, 'utf8')
  const before = getCACertificates()
  return {
    folder,
    certFile,
    keyFile,
    cert,
    key: await readFile(keyFile, 'utf8'),
    trust: () => setDefaultCACertificates([...before, cert]),
    remove: async () => {
      setDefaultCACertificates(before)
      await rm(folder, { recursive: true })
    }
  }
}
