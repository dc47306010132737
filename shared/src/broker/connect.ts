import { Duplex } from 'node:stream'
import { connect, type ChannelModel } from 'amqplib'
import { writeOnceATurn } from '../one-write.ts'

const CONNECT_TIMEOUT_MS = 10_000
const KEEP_ALIVE_DELAY_MS = 10_000
/** RabbitMQ's own 60 s would leave us blind for two to three minutes. */
const HEARTBEAT_S = 10

/** A connection; `signal` destroys its socket, which is the only way out when the broker hangs. */
export const connectTo = async (url: string, name: string, signal: AbortSignal): Promise<ChannelModel> => {
  const options = {
    timeout: CONNECT_TIMEOUT_MS,
    noDelay: true, // without it a lone confirm costs 44 ms
    keepAlive: true,
    keepAliveDelay: KEEP_ALIVE_DELAY_MS,
    clientProperties: { connection_name: name },
    signal
  }
  const model = await connect(withHeartbeat(url), options)
  const socket = socketOf(model)
  if (socket !== undefined) writeOnceATurn(socket)
  return model
}

/** amqplib does not say where it keeps its socket; should it move, we are slower and nothing else. */
const socketOf = ({ connection }: ChannelModel): Duplex | undefined =>
  'stream' in connection && connection.stream instanceof Duplex ? connection.stream : undefined

const withHeartbeat = (url: string): string => {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(HEARTBEAT_S))
  return parsed.toString()
}
