import { describe, expect, it } from 'vitest'
import { toFailures, toSummary, toReportArgs, toTable, withEnd, type DrillReport } from './drill-table.ts'

describe('what is asked of drills', () => {
  it('is passed on as it is for one drill', () => {
    expect(toReportArgs(['gateway-sigterm', '--seconds', '1'], 's')).toEqual({
      args: ['gateway-sigterm', '--seconds', '1'],
      file: undefined,
      isPrinted: false
    })
    expect(toReportArgs(['a', '--json', 'mine.json'], 's').args).toEqual(['a', '--json', 'mine.json'])
  })

  it('is reported by all of them, into the file that was named or one of ours', () => {
    expect(toReportArgs(['--all'], 's')).toEqual({
      args: ['--all', '--json', 's'],
      file: 's',
      isPrinted: false
    })
    expect(toReportArgs(['--all', '--json', 'mine.json'], 's').file).toBe('mine.json')
  })

  it('is printed where --json names no file', () => {
    expect(toReportArgs(['--all', '--json'], 's')).toEqual({
      args: ['--all', '--json', 's'],
      file: 's',
      isPrinted: true
    })
    expect(toReportArgs(['--json', '--all'], 's').args).toEqual(['--all', '--json', 's'])
  })
})

const held = [
  { what: 'a', ok: true, figure: '1' },
  { what: 'b', ok: false, figure: '2' }
]
const report = (name: string, ok: boolean): DrillReport => ({ name, injected: ['SIGKILL'], held, ok })

describe('a program that ends', () => {
  it('adds nothing to what it has reported', () => {
    const reports = [report('worker-stop-kill', true), report('worker-stop-rolling', true)]
    expect(withEnd(reports, 'worker-stop', 0)).toBe(reports)
    const failed = [report('worker-stop-kill', false)]
    expect(withEnd(failed, 'worker-stop', 1)).toBe(failed)
    const sabotaged = [report('replay --sabotage', false)]
    expect(withEnd(sabotaged, 'replay', 1)).toBe(sabotaged)
  })

  it('has a line of its own when it says nothing, or fails after all it said was good', () => {
    const reports = [report('worker-stop-kill', true)]
    expect(withEnd([], 'replay', 0)).toMatchObject([{ name: 'replay', ok: false }])
    expect(withEnd(reports, 'worker-stop', 1)).toMatchObject([
      { name: 'worker-stop-kill', ok: true },
      { name: 'worker-stop', ok: false, held: [{ figure: 'exit code 1' }] }
    ])
  })
})

describe('the table', () => {
  it('has a line for each drill, with what held of what was checked', () => {
    const reports = [{ ...report('worker-stop-kill', false), seconds: 61.6 }]
    expect(toTable(reports).split('\n')).toEqual([
      '  drill                held    took  fault',
      '✗ worker-stop-kill      1/2    62 s  SIGKILL'
    ])
  })

  it('is followed by what did not hold, in a line each', () => {
    const broken = { what: 'the drill runs to its end', ok: false, figure: 'Error: waited\n    at waitFor' }
    const reports = [report('worker-order', true), { ...report('replay', false), held: [...held, broken] }]
    expect(toFailures([...reports, { ...report('a', true), held: [] }]).split('\n')).toEqual([
      '✗ worker-order: b: 2',
      '✗ replay: b: 2',
      '✗ replay: the drill runs to its end: Error: waited'
    ])
  })

  it('is all there is to say when everything held', () => {
    const [sound, broken] = [{ ...report('a', true), held: [] }, report('b', false)]
    expect(toSummary([sound])).toBe(toTable([sound]))
    expect(toSummary([sound, broken]).split('\n').slice(-2)).toEqual(['', '✗ b: b: 2'])
  })
})
