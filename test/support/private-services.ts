import { startPrivatePostgres, type PrivatePostgres } from './postgres.ts'
import { startPrivateRabbit, type PrivateRabbit, type PrivateRabbitOptions } from './rabbit.ts'
import { startPrivateRedis, type PrivateRedis } from './redis.ts'

/** What a house stands on, for one program alone. */
export interface PrivateServices {
  rabbit: PrivateRabbit
  postgres: PrivatePostgres
  redis: PrivateRedis
}

export interface PrivateServicesOptions {
  rabbit?: PrivateRabbitOptions
  /** Lines of Postgres' configuration. */
  postgres?: Record<string, string>
}

/** Starts all three. Each is removed by a cleanup of its own, also when the others, or the program, end before they are up. */
export const startPrivateServices = async (
  cleanup: (close: () => unknown) => void,
  { rabbit: rabbitOptions, postgres: settings }: PrivateServicesOptions = {}
): Promise<PrivateServices> => {
  const starting = <T>(service: Promise<T>, remove: (service: T) => unknown): Promise<T> => {
    cleanup(() => service.then(remove, () => undefined)) // whoever waits for its start hears why it failed
    return service
  }
  let rabbit: PrivateRabbit | undefined
  cleanup(() => rabbit?.remove()) // it starts slowly, and while it does it dies with this process
  const [started, postgres, redis] = await Promise.all([
    startPrivateRabbit(rabbitOptions).then((service) => (rabbit = service)),
    starting(startPrivatePostgres(settings), (service) => service.remove()),
    starting(startPrivateRedis(), (service) => service.stop())
  ])
  return { rabbit: started, postgres, redis }
}
