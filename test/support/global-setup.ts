import { createTemplate, dropTemplate } from './database.ts'
import { services } from './services.ts'

/** Once a run: a migrated database every test file clones. Returns what undoes it. */
export const setup = async (): Promise<() => Promise<void>> => {
  const template = await createTemplate().catch((cause: unknown) => {
    throw new Error(
      `The integration tests need PostgreSQL at ${new URL(services.databaseUrl).host}: "npm test" provides it`,
      { cause }
    )
  })
  return () => dropTemplate(template)
}
