import pg from 'pg'

/** Hears of webhook deliveries the moment their transaction commits, by the clock of this process. */
export interface Commits {
  /** `performance.now()` of the commit, by message id. */
  at: ReadonlyMap<string, number>
  close: () => Promise<void>
}

const CHANNEL = 'delivery_committed'

/** A notification leaves Postgres with the commit; what a trigger costs, every contender pays. */
export const listenForCommits = async (databaseUrl: string): Promise<Commits> => {
  const at = new Map<string, number>()
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('notification', ({ payload }) => {
    if (payload !== undefined) at.set(payload, performance.now())
  })
  await client.connect()
  await client.query(`
    CREATE FUNCTION notify_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('${CHANNEL}', NEW.message_id); RETURN NEW; END $$;
    CREATE TRIGGER bench_delivery AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION notify_delivery();
    LISTEN ${CHANNEL}`)
  return { at, close: () => client.end() }
}
