/** One HTTP/1.1 answer as it came. */
export interface WireAnswer {
  status: number
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>
  text: string
}

const HEAD_END = Buffer.from('\r\n\r\n')
const NO_BODY: ReadonlySet<number> = new Set([204, 304])

/** Cuts what a connection brings into answers, whatever the pieces it comes in. @throws when it is not HTTP/1.1 */
export const createAnswerReader = (onAnswer: (answer: WireAnswer) => void): ((chunk: Buffer) => void) => {
  let waiting: Buffer = Buffer.alloc(0)

  const next = (): WireAnswer | undefined => {
    const headEnd = waiting.indexOf(HEAD_END)
    if (headEnd < 0) return undefined
    const { status, headers } = readHead(waiting.toString('latin1', 0, headEnd))
    const rest = waiting.subarray(headEnd + HEAD_END.length)
    const isEmpty = status < 200 || NO_BODY.has(status)
    const body = isEmpty ? { text: '', end: 0 } : readBody(headers, rest)
    if (body === undefined) return undefined
    waiting = rest.subarray(body.end)
    return { status, headers, text: body.text }
  }

  return (chunk) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    for (let answer = next(); answer !== undefined; answer = next()) {
      if (answer.status >= 200) onAnswer(answer) // 1xx only says that the answer is yet to come
    }
  }
}

const readHead = (head: string): Pick<WireAnswer, 'status' | 'headers'> => {
  const [first = '', ...lines] = head.split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
  if (status === undefined) throw new Error(`this is no answer of HTTP/1.1: ${JSON.stringify(first)}`)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { status: Number(status), headers: Object.fromEntries(headers) }
}

const readBody = (
  headers: Readonly<Record<string, string>>,
  rest: Buffer
): { text: string; end: number } | undefined => {
  if (headers['transfer-encoding'] === 'chunked') return readChunks(rest)
  const length = Number(headers['content-length'])
  if (!Number.isSafeInteger(length)) throw new Error('an answer does not say how long it is')
  return rest.length < length ? undefined : { text: rest.toString('utf8', 0, length), end: length }
}

const readChunks = (rest: Buffer): { text: string; end: number } | undefined => {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (rest.length < end) return undefined
    if (size === 0) return { text: Buffer.concat(parts).toString(), end }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = end
  }
}
