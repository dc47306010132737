import { fastify } from 'fastify'
import { expect, it } from 'vitest'
import { refuseOtherMethods } from './other-methods.ts'

it('names the methods an address knows, one or several', async () => {
  const app = fastify()
  const done = refuseOtherMethods(app)
  app.get('/seen', () => 'seen')
  app.post('/sent', () => 'sent')
  done()
  const answers = await Promise.all([
    app.inject({ method: 'DELETE', url: '/seen' }),
    app.inject({ method: 'GET', url: '/sent' })
  ])
  expect(answers.map((answer) => answer.json<{ message: string }>().message)).toEqual([
    'Only GET and HEAD are answered at this address.',
    'Only POST is answered at this address.'
  ])
  await app.close()
})
