/**
 * Where an answer sends us on to, a redirect or a next page. `undefined`: we do not go there. Only HTTP(S) is followed,
 * and from TLS nothing leads back to plain HTTP.
 */
export const leadFrom = (from: URL, to: string): URL | undefined => {
  const url = URL.parse(to, from.href)
  const isFollowed = url?.protocol === 'https:' || (url?.protocol === 'http:' && from.protocol === 'http:')
  return url !== null && isFollowed ? url : undefined
}
