import { describe, expect, test } from 'vitest'
import { untilUploaded, type RemoteFile, type UploadOptions } from './remote-file.ts'

const at = (size: number, minute = 0): RemoteFile => ({ size, modifiedAt: new Date(minute * 60_000) })

/** A server that shows these one after the other, the last one for ever. */
const showing = (...files: (RemoteFile | undefined)[]) => {
  let looks = 0
  return { look: () => Promise.resolve(files[Math.min(looks++, files.length - 1)]), looks: () => looks }
}
const until = (look: UploadOptions['look'], rule?: UploadOptions['rule']) =>
  untilUploaded({ path: 'feed.xml', rule, look, checkMs: 1, signal: new AbortController().signal })

describe('a file', () => {
  test('that stands still is looked at twice', async () => {
    const server = showing(at(10))
    expect(await until(server.look)).toEqual(at(10))
    expect(server.looks()).toBe(2)
  })
  test('that grows, or is written anew with the same size, is waited for', async () => {
    expect(await until(showing(at(10), at(20), at(20, 1), at(20, 1)).look)).toEqual(at(20, 1))
  })
  test('of which the server knows no time must keep its size', async () => {
    expect(await until(showing({ size: 5 }, { size: 6 }, { size: 6 }).look)).toEqual({ size: 6 })
  })
  test.each([
    ['never stands still', [at(1), at(2), at(3), at(4), at(5), at(6), at(7)], 'FETCH_UPLOADING'],
    ['stays empty', [at(0)], 'FETCH_UPLOADING'],
    ['is not there', [undefined], 'FETCH_NOT_FOUND'],
    ['goes away', [at(1), undefined], 'FETCH_NOT_FOUND']
  ])('that %s is an error', async (_name, files, code) => {
    await expect(until(showing(...files).look)).rejects.toMatchObject({ code })
  })
})

describe('a done-file', () => {
  const both = (done: RemoteFile | undefined, file: RemoteFile) => (path: string) =>
    Promise.resolve(path === 'feed.xml.done' ? done : file)
  const rule = { rule: 'done-file', path: '*.done' } as const

  test.each([
    ['is newer', at(0, 2), at(9, 1)],
    ['is of the same second', at(0, 1), at(9, 1)],
    ['has no time', { size: 0 }, at(9, 1)]
  ])('that %s announces the file', async (_name, done, file) => {
    expect(await until(both(done, file), rule)).toEqual(file)
  })
  test.each([
    ['is missing', undefined],
    ['is older', at(0, 1)]
  ])('that %s does not', async (_name, done) => {
    await expect(until(both(done, at(9, 2)), rule)).rejects.toMatchObject({ code: 'FETCH_UPLOADING' })
  })
})
