import { askForAnotherAck } from '../../support/failpoint/again.ts'

/** Preloaded into a worker that is watched: at SIGUSR2 it acknowledges something twice, which costs it the channel. */
process.on('SIGUSR2', askForAnotherAck)
