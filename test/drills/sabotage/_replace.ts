import { registerHooks } from 'node:module'

/**
 * In this process, whoever of the gateway imports `module` gets `replacement`
 * instead; the replacement itself gets the real one. How a drill breaks a service without a switch in the service.
 */
export const replaceModule = (module: URL, replacement: URL): void => {
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const resolved = nextResolve(specifier, context)
      return resolved.url === module.href && context.parentURL !== replacement.href
        ? { ...resolved, url: replacement.href }
        : resolved
    }
  })
}
