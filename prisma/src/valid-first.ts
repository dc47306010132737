/** The order of keys and secrets: however many were revoked, none that still counts is left out of a page. */
export const VALID_FIRST: ({ revokedAt: { sort: 'asc'; nulls: 'first' } } | { id: 'desc' })[] = [
  { revokedAt: { sort: 'asc', nulls: 'first' } },
  { id: 'desc' }
]
