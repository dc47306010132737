import { expect, test } from 'vitest'
import { isRefusal, toConfigError } from './refusal.ts'

const reply = (code: number, text: string): Error =>
  Object.assign(new Error(`Channel closed by server: ${code} (NAME) with message "${text}"`), { code })

const wrongPassword = new Error(
  'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused"'
)
const wrongVirtualHost = new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>')

test('wrong password, virtual host, queue and arguments are refusals', () => {
  const refusals = [wrongPassword, wrongVirtualHost, reply(404, 'no queue'), reply(406, 'inequivalent arg')]
  expect(refusals.map((error) => isRefusal(error))).toEqual([true, true, true, true])
})

test('outages are not refusals', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  expect(
    [refused, reply(320, 'CONNECTION_FORCED'), reply(541, 'INTERNAL')].map((error) => isRefusal(error))
  ).toEqual([false, false, false])
})

test('a 406 on a running channel is weather: a consumer timeout, or a message too large', () => {
  expect(isRefusal(reply(406, 'delivery acknowledgement on channel 1 timed out'), true)).toBe(false)
  expect(isRefusal(reply(404, 'no exchange'), true)).toBe(true)
})

test('a refusal becomes a configuration error that says what to do', () => {
  const where = 'RabbitMQ at amqp://broker:5672'
  expect(
    toConfigError(reply(404, "NOT_FOUND - no queue 'sluice.feed.v1' in vhost '/'"), where)
  ).toMatchObject({
    code: 'TOPOLOGY_MISMATCH',
    message: `${where}: no queue 'sluice.feed.v1' in vhost '/'. Apply the topology: sluice topology apply`
  })
  expect(toConfigError(wrongPassword, where)).toMatchObject({
    code: 'BROKER_REFUSED',
    message: `${where}: Login was refused. Check user, password and permissions in RABBITMQ_URL`
  })
  expect(toConfigError(wrongVirtualHost, where)).toMatchObject({
    code: 'BROKER_REFUSED',
    message: `${where}: the virtual host does not exist, is down, has all the connections it may have, or is not open to this user. Check the virtual host (the path) in RABBITMQ_URL`
  })
})
