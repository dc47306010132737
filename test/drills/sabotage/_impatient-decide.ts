import { climb, decide as decideReally } from '../../../worker/src/decide.ts'

export * from '../../../worker/src/decide.ts'

/** As the real one, but nothing is held: it takes the ladder. */
export const decide: typeof decideReally = (error, circumstances) => {
  const decision = decideReally(error, circumstances)
  return decision.do === 'hold' ? climb(circumstances?.attempt ?? 0) : decision
}
