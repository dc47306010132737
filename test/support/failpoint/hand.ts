import { createHand as create } from '../../../shared/src/broker/hand.ts'
import { isToBeAckedAgain } from './again.ts'
import { dieAt } from './die.ts'

/** Answers that have left before the worker dies between two. */
const FIRST_ANSWERS = 5

/** Says of every delivery that came back how often it did, and dies or answers twice where it is told to. */
export const createHand: typeof create = (channel) => {
  const hand = create(channel)
  let answers = 0
  const take: typeof hand.take = (message) => {
    const delivery = hand.take(message)
    const { deliveryCount, properties } = delivery
    if (deliveryCount > 0) {
      const { messageId } = properties
      console.log(JSON.stringify({ msg: 'delivered again', messageId, deliveryCount }))
    }
    const settle: typeof delivery.settle = (verb) => {
      dieAt('before-ack')
      if ((answers += 1) > FIRST_ANSWERS) dieAt('between-acks')
      const isAnswered = delivery.settle(verb)
      if (isAnswered && verb === 'ack' && isToBeAckedAgain()) channel.ack(message)
      return isAnswered
    }
    return Object.create(delivery, { settle: { value: settle } }) as typeof delivery
  }
  return Object.create(hand, { take: { value: take } }) as typeof hand
}
