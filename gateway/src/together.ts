/**
 * One question of all that are asked in the same turn of the event loop: under load, when it counts, that is one call
 * for many requests, and a lone one waits for nobody.
 *
 * @param ask answers each, in their order; when it throws, everybody hears of it
 */
export const createTogether = <Question, Answer>(
  ask: (questions: readonly Question[]) => Promise<readonly Answer[]>
): ((question: Question) => Promise<Answer>) => {
  let questions: Question[] = []
  let answers: Promise<readonly Answer[]> | undefined

  const askAll = async (): Promise<readonly Answer[]> => {
    await turnsEnd()
    const asked = questions
    questions = []
    answers = undefined
    return ask(asked)
  }

  return (question) => {
    const place = questions.push(question) - 1
    answers ??= askAll()
    return answers.then((all) => all[place] as Answer)
  }
}

let end: Promise<void> | undefined

/** One for all who wait for it: what they do then is done in one go, and what they write leaves in one write. */
const turnsEnd = (): Promise<void> =>
  (end ??= new Promise((resolve) =>
    setImmediate(() => {
      end = undefined
      resolve()
    })
  ))
