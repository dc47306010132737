import { Type, type Static } from 'typebox'
import { loadConfig } from '@sluice/shared/config'
import { FETCH_SETTINGS, SchedulerConfigSchema } from '../config.ts'

/** A preview goes by the rules of the scheduler, and needs no broker. */
const PreviewConfigSchema = Type.Pick(SchedulerConfigSchema, ['DATABASE_URL', ...FETCH_SETTINGS])
export type PreviewConfig = Readonly<Static<typeof PreviewConfigSchema>>

/** @throws ConfigError naming each setting that is missing or wrong */
export const loadPreviewConfig = (
  environment?: Readonly<Record<string, string | undefined>>
): PreviewConfig => loadConfig(PreviewConfigSchema, environment)
