/** Chunks that can be taken by the byte, and given back. */
export interface Input {
  /** `undefined` at the end. */
  next: () => Promise<Buffer | undefined>
  /** So many bytes; fewer at the end. */
  take: (bytes: number) => Promise<Buffer>
  /** What was taken too much is taken next. */
  giveBack: (bytes: Buffer) => void
  close: () => Promise<void>
}

export const createInput = (chunks: AsyncIterable<Buffer>): Input => {
  const iterator = chunks[Symbol.asyncIterator]()
  const given: Buffer[] = []

  const next = async (): Promise<Buffer | undefined> => {
    const back = given.pop()
    if (back !== undefined) return back
    const { done, value } = await iterator.next()
    return done === true ? undefined : value
  }
  const giveBack = (bytes: Buffer): void => {
    if (bytes.length > 0) given.push(bytes)
  }

  return {
    next,
    giveBack,
    take: async (bytes) => {
      const parts: Buffer[] = []
      let missing = bytes
      while (missing > 0) {
        const chunk = await next()
        if (chunk === undefined) break
        parts.push(chunk.subarray(0, missing))
        giveBack(chunk.subarray(missing))
        missing -= Math.min(missing, chunk.length)
      }
      return Buffer.concat(parts)
    },
    close: async () => {
      await iterator.return?.()
    }
  }
}
