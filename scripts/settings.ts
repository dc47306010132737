import type { TObject } from 'typebox'
import { GatewayConfigSchema } from '../gateway/src/config.ts'
import { MigrateConfigSchema } from '../prisma/src/config.ts'
import { SchedulerConfigSchema } from '../scheduler/src/config.ts'
import { WorkerConfigSchema } from '../worker/src/config.ts'

/** Every service with the schema it reads its environment through. The CLI reads a part of what all services share. */
export const SERVICE_SCHEMAS: Readonly<Record<'gateway' | 'scheduler' | 'worker' | 'init', TObject>> = {
  gateway: GatewayConfigSchema,
  scheduler: SchedulerConfigSchema,
  worker: WorkerConfigSchema,
  init: MigrateConfigSchema
}

/** One environment variable, as its schema describes it. */
export interface Setting {
  name: string
  description: string
  /** What holds when it is not given; `undefined` when it must be given or stays absent. */
  fallback: string | undefined
  isRequired: boolean
  services: readonly string[]
}

interface Property {
  description?: string
  default?: string | number | boolean
}

/** The settings of all services, shared ones first, each once. */
export const listSettings = (): Setting[] => {
  const found = new Map<string, Setting>()
  for (const [service, schema] of Object.entries(SERVICE_SCHEMAS)) {
    for (const [name, property] of Object.entries(schema.properties as Record<string, Property>)) {
      const services = [...(found.get(name)?.services ?? []), service]
      const fallback = property.default === undefined ? undefined : String(property.default)
      const isRequired = fallback === undefined && (schema.required ?? []).includes(name)
      found.set(name, { name, description: property.description ?? '', fallback, isRequired, services })
    }
  }
  return [...found.values()].toSorted((a, b) => b.services.length - a.services.length)
}

/** The table of README.md. */
export const toConfigurationTable = (): string => {
  const rows = listSettings().map(({ name, description, fallback, isRequired, services }) => {
    const value = fallback === undefined ? (isRequired ? 'required' : '–') : `\`${fallback}\``
    const used = services.filter((service) => service !== 'init')
    return `| \`${name}\` | ${value} | ${used.length === 3 ? 'all' : used.join(', ')} | ${description} |`
  })
  return ['| variable | default | read by | what it is |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
