import { describe, expect, it } from 'vitest'
import { toReportArgs, toTable } from './drill-table.ts'

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

describe('the table', () => {
  it('has a line for each drill, with what held of what was checked', () => {
    const held = [
      { what: 'a', ok: true, figure: '1' },
      { what: 'b', ok: false, figure: '2' }
    ]
    const reports = [{ name: 'worker-stop-kill', injected: ['SIGKILL'], held, ok: false }]
    expect(toTable(reports).split('\n')).toEqual([
      '  drill                held  fault',
      '✗ worker-stop-kill      1/2  SIGKILL'
    ])
  })
})
