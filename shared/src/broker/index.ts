/** The only code that knows amqplib: everything else speaks of messages, deliveries and their outcomes. */
export { createSession, type Session, type SessionOptions, type SessionState } from './session.ts'
export {
  createPublisher,
  type Publisher,
  type PublisherOptions,
  type PublisherStatus,
  type PublishOptions
} from './publisher.ts'
export { PublishError, type PublishErrorCode } from './publish-error.ts'
export { createConsumer, type Consumer, type ConsumerOptions } from './consumer.ts'
export { type Delivery, type Verb } from './delivery.ts'
export { applyTopology, assertTopology, verifyTopology } from './topology.ts'
export { withoutBrokerHeaders } from './headers.ts'
