import { connect, type Channel } from 'amqplib'

/** One errand on a connection of its own. */
export const withConnection = async (
  url: string,
  errand: (channel: Channel) => Promise<unknown>
): Promise<void> => {
  const connection = await connect(url)
  await errand(await connection.createChannel())
  await connection.close()
}
