import { hostname, userInfo } from 'node:os'

/** Who runs this command, for the record: `ana@machine`; in a container it is the container's user, so `--by` says more. */
export const actorHere = (): string => `${userName()}@${hostname()}`

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}` // a container may run under a number without a name
  }
}
