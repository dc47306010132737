/**
 * Items in their order, of which the next is made while the one before is worked on: whoever makes them computes, whoever
 * works on them waits for Postgres. Never more than one ahead, so that they take the memory of two.
 */
export const readAhead = async function* <T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  const takeNext = (): Promise<IteratorResult<T>> => {
    const next = iterator.next()
    next.catch(() => undefined) // whoever asks for it hears of it
    return next
  }
  let next = takeNext()
  try {
    for (;;) {
      const { done, value } = await next
      if (done === true) return
      next = takeNext()
      yield value
    }
  } finally {
    await iterator.return?.() // behind the one that is being made
  }
}
