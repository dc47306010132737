import { toMessage as toRealMessage } from '../../../worker/src/message.ts'

/** As the real one, but nobody survives this record: no exception, no handler, no last word. */
export const toMessage: typeof toRealMessage = (envelope, source) => {
  if (envelope.externalId === 'killer') process.kill(process.pid, 'SIGKILL')
  return toRealMessage(envelope, source)
}
