import { errorCodes, type FastifyInstance } from 'fastify'
import type { BodyRoom } from './body-room.ts'
import { Refusal } from './errors.ts'
import { MAX_BODY_BYTES } from './limits.ts'
import './request-facts.ts'

/** What a piece of a body costs beside its bytes: a megabyte in pieces of one byte is a hundred megabytes of them. */
const PIECE_BYTES = 128

/**
 * Every body of `app` as the bytes that came, whatever it says it is: who may send is decided before what it means.
 * It takes part in `room` until its request is over; the sender of one that is turned out is answered 503
 * `GATEWAY_BUSY`, of one that is too large 413. What still comes of either is read away and forgotten.
 *
 * Fastify's own reader would do with a hook in front that counts, at two listeners and a copy of the body more.
 */
export const readBodies = (app: FastifyInstance, room: BodyRoom): void => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (request, payload, done) => {
    if (Number(request.headers['content-length']) > MAX_BODY_BYTES) return done(tooLarge())
    const pieces: Buffer[] = []
    let bytes = 0
    let isOver = false
    const refuse = (why: Error): void => {
      if (isOver) return
      isOver = true
      pieces.length = 0
      done(why)
    }
    const guest = room.enter(() => refuse(busy()))
    payload.on('data', (piece: Buffer) => {
      if (isOver) return
      bytes += piece.length
      if (bytes > MAX_BODY_BYTES) return refuse(tooLarge())
      pieces.push(piece)
      guest.grow(piece.length + PIECE_BYTES)
    })
    payload.on('end', () => {
      if (isOver) return
      isOver = true
      guest.complete()
      const [first] = pieces
      done(null, first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces, bytes))
    })
    payload.on('error', refuse)
    request.response.on('close', () => {
      guest.leave()
      if (!request.isInLine) return
      pieces.length = 0 // what is no longer counted may not be kept; who is at work on it still needs it
      request.body = undefined
    })
  })
}

const tooLarge = (): Error => new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()

const busy = (): Refusal =>
  new Refusal(
    'GATEWAY_BUSY',
    'Too many bodies arrive at once, and this one took longest. Nothing was stored; send the same request again.'
  )
