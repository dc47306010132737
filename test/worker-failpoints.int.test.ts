import { expect, test } from 'vitest'
import { dieAndRecover } from './drills/_failpoints.ts'
import { FAILPOINTS } from './support/failpoint/die.ts'
import { createHistory } from './support/histories.ts'
import { services } from './support/services.ts'
import { createWorkshop } from './support/workshop.ts'

// Together, because each of them mostly waits.
test.concurrent.each(FAILPOINTS)(
  'a worker killed %s leaves the next one everything it needs',
  async (place) => {
    const shop = await createWorkshop()
    try {
      const history = await createHistory(shop, { seed: 1 + FAILPOINTS.indexOf(place), offers: 30 })
      const { rabbitmqManagementUrl: managementUrl } = services
      const found = await dieAndRecover(place, { shop, history, confirmed: [], managementUrl })
      expect(found.filter(({ ok }) => !ok)).toEqual([])
    } finally {
      await shop.remove()
    }
  }
)
