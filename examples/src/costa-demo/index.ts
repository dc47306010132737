export { createChance, type Chance } from './chance.ts'
export { serveDemoFeed, type FeedServer } from './feed-server.ts'
export { toKyero } from './kyero.ts'
export { createDemoOffers, type DemoOffer } from './offers.ts'
