/**
 * How a format says that an offer is gone (plan §6), and what that means to people. Only the first two conclude anything
 * from what a file does *not* hold.
 */
export const GONE = {
  'absent-from-snapshot': 'absent from a complete file',
  'absent-if-file-is-full': 'absent from a file that says it is full',
  'verb-in-record': 'the record says so',
  'expiry-date': 'the date in its record is over',
  'explicit-call': 'a call of its own says so'
} as const
export type Gone = keyof typeof GONE

/** What a file says of itself: all there is, or what has changed. */
export type Extent = 'full' | 'part'

/** Whether a file of the format, read whole, holds every offer there is. A file that says it is a part never does. */
export const isWholeList = (gone: Gone, extent: Extent | undefined): boolean => {
  switch (gone) {
    case 'absent-from-snapshot':
      return extent !== 'part'
    case 'absent-if-file-is-full':
      return extent === 'full'
    case 'verb-in-record':
    case 'expiry-date':
    case 'explicit-call':
      return false
  }
}
