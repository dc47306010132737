/** A value that is asked for once and kept until it is forgotten; a failed answer is not kept. */
export interface Generation {
  current: () => Promise<string>
  forget: () => void
}

export const createGeneration = (ask: () => Promise<string>): Generation => {
  let answer: Promise<string> | undefined
  return {
    current: () => {
      answer ??= ask().catch((thrown: unknown) => {
        answer = undefined
        throw thrown
      })
      return answer
    },
    forget: () => {
      answer = undefined
    }
  }
}
