import { describe, expect, it } from 'vitest'
import { RecordError } from './errors.ts'
import { createLogger } from './log.ts'
import { createReporter, type Report, type ReportSink } from './sentry.ts'

const log = createLogger({ service: 'test', level: 'silent' })

const collect = (): { sink: ReportSink; reports: Report[] } => {
  const reports: Report[] = []
  return { reports, sink: { send: (report) => void reports.push(report), flush: async () => undefined } }
}
const create = (sink: ReportSink | undefined) =>
  createReporter({ sink, service: 'worker', log, windowMs: 60_000 })

const rejection = (source: string, code = 'RECORD_INVALID') => ({
  source,
  code,
  path: '/agent/email',
  message: '"ana@example.es" is no price',
  messageId: '7.1',
  record: { agent: { email: 'ana@example.es' } }
})

const bug = () => new TypeError('cannot read x of undefined')

describe('the reporter', () => {
  it('makes one event of 5,000 equal rejections, with the count', async () => {
    const { sink, reports } = collect()
    const reporter = create(sink)
    for (let n = 0; n < 5_000; n++) reporter.rejection(rejection('kyero-feed'))
    expect(reports).toEqual([])
    await reporter.close(1_000)
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({
      level: 'warning',
      fingerprint: ['rejection', 'kyero-feed', 'RECORD_INVALID'],
      extra: { count: 5_000, sample: { messageId: '7.1', record: { agent: { email: 'string(14)' } } } }
    })
    expect(JSON.stringify(reports)).not.toContain('ana')
  })

  it('tells sources and codes apart', async () => {
    const { sink, reports } = collect()
    const reporter = create(sink)
    for (const source of ['a', 'b'])
      for (const code of ['X', 'Y']) reporter.rejection(rejection(source, code))
    await reporter.close(1_000)
    expect(reports).toHaveLength(4)
  })

  it('keeps bounded memory when every rejection is another kind', async () => {
    const { sink, reports } = collect()
    const reporter = create(sink)
    for (let n = 0; n < 5_000; n++) reporter.rejection(rejection(`source-${n}`))
    await reporter.close(1_000)
    expect(reports.length).toBeLessThanOrEqual(501)
    const counted = reports.reduce((sum, { extra }) => sum + Number(extra['count']), 0)
    expect(counted).toBe(5_000)
  })

  it('reports a bug at once and once, whatever it repeats', () => {
    const { sink, reports } = collect()
    const reporter = create(sink)
    for (let n = 0; n < 100; n++) reporter.captureError(bug(), { messageId: `d.${n}`, lane: undefined })
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({ level: 'error', tags: { service: 'worker', messageId: 'd.0' } })
    reporter.captureError(new RecordError('OTHER', 'another bug'))
    expect(reports).toHaveLength(2)
  })

  it('does nothing without a sink, and survives one that throws', async () => {
    const silent = create(undefined)
    silent.rejection(rejection('a'))
    await silent.close(1)
    const broken = create({
      send: () => {
        throw new Error('no network')
      },
      flush: () => Promise.reject(new Error('no network'))
    })
    broken.captureError(new Error('x'))
    broken.rejection(rejection('a'))
    await expect(broken.close(1)).resolves.toBeUndefined()
  })
})
