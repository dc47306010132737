import { Type } from 'typebox'

/** A decimal number as vendors write it, before `toDecimal`: never negative, never with a thousands separator. */
export const DECIMAL_PATTERN = '^\\s*\\d{1,13}(\\.\\d{1,6})?\\s*$'

/** A schema for money and areas; the record parser also takes a JSON number. */
export const decimal = (description: string) => Type.String({ pattern: DECIMAL_PATTERN, description })

/** The one spelling of a decimal, so that equal numbers are equal strings: `0150.50` → `150.5`. */
export const toDecimal = (text: string): string => {
  const [whole = '', fraction = ''] = text.trim().split('.')
  const decimals = fraction.replace(/0+$/, '')
  const integer = whole.replace(/^0+(?=\d)/, '')
  return decimals === '' ? integer : `${integer}.${decimals}`
}

export const isZero = (text: string): boolean => toDecimal(text) === '0'
