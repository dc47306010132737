/** Where the tests find the services: what the environment says, else the default ports of this machine. */
export const services = {
  /** Any database of the server; the tests make their own beside it. */
  databaseUrl: process.env.DATABASE_URL || 'postgresql://postgres@127.0.0.1:5432/postgres',
  rabbitmqUrl: process.env.RABBITMQ_URL || 'amqp://guest:guest@127.0.0.1:5672',
  redisUrl: process.env.REDIS_URL || 'redis://127.0.0.1:6379',
  rabbitmqManagementUrl: process.env.RABBITMQ_MANAGEMENT_URL || 'http://guest:guest@127.0.0.1:15672'
} as const
