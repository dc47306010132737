/** Sets an own property whatever its name: `__proto__` from a vendor's record must not become a prototype. */
export const setOwn = (target: object, name: string, value: unknown): void => {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
  } else {
    ;(target as Record<string, unknown>)[name] = value
  }
}
