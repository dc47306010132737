import { afterEach, expect, test } from 'vitest'
import { choosePort } from './port.ts'

const VARIABLE = 'SLUICE_TEST_PORT'
afterEach(() => {
  delete process.env[VARIABLE]
})

test.each(['abc', '80.5', '-1', '0', '65536', '1e3'])(
  '%s is no port, and not one that is taken',
  async (given) => {
    process.env[VARIABLE] = given
    await expect(choosePort(VARIABLE, 8080)).rejects.toThrow(
      `${VARIABLE} is "${given}", which is no port. Set it to a number from 1 to 65535.`
    )
  }
)
