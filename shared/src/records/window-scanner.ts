import type { FileDamage } from './file-damage.ts'
import { Findings } from './findings.ts'
import {
  MAX_RECORD_BYTES,
  type DocumentFaultCode,
  type ScannedEvent,
  type Scanner,
  type ScannerOptions
} from './record-events.ts'
import { Window } from './window.ts'

/** What the scanners of rows, lines and lists share: a window on the file, and what was found in it. */
export abstract class WindowScanner implements Scanner {
  protected readonly findings = new Findings()
  protected readonly window = new Window()
  protected readonly maxRecordBytes: number

  constructor({ maxRecordBytes = MAX_RECORD_BYTES }: ScannerOptions) {
    this.maxRecordBytes = maxRecordBytes
  }

  push(chunk: Buffer): ScannedEvent[] {
    if (this.isFinished) return []
    this.window.append(chunk)
    this.read()
    return this.findings.take()
  }

  finish(): ScannedEvent[] {
    this.readEnd()
    return [...this.findings.take(), this.findings.end(this.window.end)]
  }

  damage(damage: FileDamage): void {
    this.findings.damage(damage, this.window.end)
  }

  fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.findings.fail(code, offset, reason)
  }

  get isFinished(): boolean {
    return this.findings.isFatal
  }

  /** Reads what has come into the window, and lets go what is no longer needed. */
  protected abstract read(): void

  /** Reads what is left: no more bytes come. */
  protected abstract readEnd(): void
}
