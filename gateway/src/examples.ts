/** Deliveries in the `sluice` format, as `/docs` shows them. A test sends each through the format itself. */
export const DELIVERY_EXAMPLES = {
  offer: {
    summary: 'A whole offer',
    value: {
      id: 'VARNA-1042',
      updatedAt: '2026-11-23T10:15:00+02:00',
      transaction: 'sale',
      property: { type: 'apartment' },
      price: { amount: 185000, currency: 'EUR' },
      livingArea: 85.5,
      rooms: { total: 3, bedrooms: 2, bathrooms: 1 },
      floor: { number: 4, total: 6 },
      location: { country: 'BG', region: 'Varna', city: 'Varna', district: 'Chayka' },
      coordinates: { latitude: 43.2167, longitude: 27.9333 },
      images: ['https://cdn.example.com/1042/1.jpg', 'https://cdn.example.com/1042/2.jpg'],
      texts: {
        bg: { title: 'Тристаен апартамент в Чайка', description: 'Светъл, с гледка към морето.' },
        en: { title: 'Two-bedroom apartment in Chayka', description: 'Bright, with a view of the sea.' }
      }
    }
  },
  patch: {
    summary: 'A new price',
    value: {
      id: 'VARNA-1042',
      change: 'patch',
      updatedAt: '2026-11-24T09:00:00+02:00',
      price: { amount: 179500, currency: 'EUR', period: 'total' }
    }
  },
  withdrawal: {
    summary: 'No longer on offer',
    value: { id: 'VARNA-1042', change: 'withdraw', updatedAt: '2026-11-25T16:40:00+02:00', reason: 'sold' }
  },
  several: {
    summary: 'Several at once',
    value: [
      {
        id: 'VARNA-1043',
        change: 'patch',
        updatedAt: '2026-11-24T09:00:00+02:00',
        status: 'underContract'
      },
      { id: 'VARNA-0977', change: 'withdraw', updatedAt: '2026-11-24T09:00:01+02:00' }
    ]
  }
} as const satisfies Readonly<Record<string, { summary: string; value: unknown }>>
