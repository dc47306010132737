import { SluiceError } from '../errors.ts'

/**
 * The file is broken from here on – cut short, its container damaged. Thrown by the stream a reader is given: what came
 * before counts, and the reader ends with this as the fault.
 */
export class FileDamage extends SluiceError {}
