import { Type, type Static } from 'typebox'
import { CommonConfig, loadConfig } from '@sluice/shared/config'

export const MigrateConfigSchema = Type.Object({ DATABASE_URL: CommonConfig.DATABASE_URL })

/** @throws ConfigError listing every problem. */
export const loadMigrateConfig = (): Readonly<Static<typeof MigrateConfigSchema>> =>
  loadConfig(MigrateConfigSchema)
