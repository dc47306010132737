/** A release with a bug in it. */
export const toMessage = (): never => {
  throw new TypeError("cannot read properties of undefined (reading 'units')")
}
