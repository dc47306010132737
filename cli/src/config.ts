import { Type } from 'typebox'
import { CommonConfig, loadConfig } from '@sluice/shared/config'
import { SealingConfig } from '@sluice/shared/sealing'
import type { Environment } from './shell.ts'

/** A command asks only for what it needs: `sluice --help` and `sluice formats list` need nothing at all. */

const StoreConfig = Type.Object({ DATABASE_URL: CommonConfig.DATABASE_URL })
const BrokerConfig = Type.Object({
  RABBITMQ_URL: CommonConfig.RABBITMQ_URL,
  SLUICE_NAMESPACE: CommonConfig.SLUICE_NAMESPACE
})
/** Optional: without Redis the services notice an edit by their own poll, a second later. */
const CacheConfig = Type.Object({
  REDIS_URL: Type.Optional(CommonConfig.REDIS_URL),
  SLUICE_NAMESPACE: CommonConfig.SLUICE_NAMESPACE
})

/** Who seals must have the master key; a gateway may do without. */
const SecretsConfig = Type.Object({
  ...SealingConfig,
  SLUICE_SECRETS_KEY: Type.String({ ...SealingConfig.SLUICE_SECRETS_KEY })
})

/** Of the shell a command is typed in, not of the house. */
const ShellConfig = Type.Object({
  COLUMNS: Type.Optional(Type.String()),
  /** Where `npm run` and `pnpm` were called; they run a command in the root of the repository. */
  INIT_CWD: Type.Optional(Type.String())
})

/** @throws ConfigError naming each setting that is missing or wrong, as do those below. */
export const loadStoreConfig = (environment: Environment): Readonly<{ DATABASE_URL: string }> =>
  loadConfig(StoreConfig, environment)

export const loadBrokerConfig = (
  environment: Environment
): Readonly<{ RABBITMQ_URL: string; SLUICE_NAMESPACE: string }> => loadConfig(BrokerConfig, environment)

export const loadCacheConfig = (
  environment: Environment
): Readonly<{ REDIS_URL?: string; SLUICE_NAMESPACE: string }> => loadConfig(CacheConfig, environment)

export const loadSealingConfig = (
  environment: Environment
): Readonly<{ SLUICE_SECRETS_KEY: string; SLUICE_SECRETS_KEY_PREVIOUS?: string }> =>
  loadConfig(SecretsConfig, environment)

export const loadShellConfig = (
  environment: Environment
): Readonly<{ COLUMNS?: string; INIT_CWD?: string }> => loadConfig(ShellConfig, environment)
