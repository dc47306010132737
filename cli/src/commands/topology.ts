import type { Command } from 'commander'
import { createLogger, withoutSecrets } from '@sluice/shared/log'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { counted } from '../text.ts'

/** `sluice topology`: the exchanges and queues on RabbitMQ. Once per deployment, before the services start. */
export const addTopology = (program: Command, { out, broker }: Context): void => {
  const group = program
    .command('topology')
    .summary('exchanges and queues on RabbitMQ')
    .description(
      'The exchanges, queues and bindings the house needs, every name prefixed by SLUICE_NAMESPACE. Apply once per ' +
        'deployment, before the services start; it changes nothing that exists.'
    )

  withExamples(
    group
      .command('apply')
      .summary('create what is missing')
      .description(
        'Creates every exchange, queue and binding that is missing. What exists is left alone; what exists with other ' +
          'arguments is named (exit 78).'
      )
      .action(async () => {
        const { url, topology } = broker()
        const { applyTopology } = await import('@sluice/shared/broker')
        await applyTopology({ url, topology, log: createLogger({ service: 'cli', level: 'silent' }) })
        out.answer(
          {
            topology: {
              broker: withoutSecrets(url),
              namespace: topology.namespace,
              exchanges: topology.exchangeSpecs.map((exchange) => exchange.name),
              queues: topology.queueSpecs.map((queue) => queue.name),
              bindings: topology.bindingSpecs.length
            }
          },
          () =>
            `Applied to ${withoutSecrets(url)}: ${counted(topology.exchangeSpecs.length, 'exchange')}, ` +
            `${counted(topology.queueSpecs.length, 'queue')} and ${counted(topology.bindingSpecs.length, 'binding')} ` +
            `of namespace ${topology.namespace}.`
        )
      }),
    ['sluice topology apply', 'before the first start, and at every deployment'],
    ['SLUICE_NAMESPACE=staging sluice topology apply', 'a second house on the same broker']
  )

  withExamples(
    group
      .command('verify')
      .summary('say what is missing or different')
      .description(
        'Compares RabbitMQ with what the house needs and changes nothing. Exit 1 when they differ.'
      )
      .action(async () => {
        const { url, topology } = broker()
        const { verifyTopology } = await import('@sluice/shared/broker')
        const problems = await verifyTopology({ url, topology })
        if (problems.length > 0) {
          throw new CommandError(
            'TOPOLOGY_DIFFERS',
            'RabbitMQ is not as needed; `sluice topology apply` creates what is missing.',
            { problems }
          )
        }
        out.answer(
          { topology: { broker: withoutSecrets(url), namespace: topology.namespace, problems: [] } },
          () => `Everything of namespace ${topology.namespace} is there and as needed.`
        )
      }),
    ['sluice topology verify', 'is everything there?'],
    ['sluice topology verify || sluice topology apply', 'in a deployment script']
  )

  withExamples(
    group,
    ['sluice topology apply', 'create what is missing'],
    ['sluice topology verify', 'is everything there?']
  )
}
