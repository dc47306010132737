/** Times by a label, as a histogram of Prometheus. */
export interface Tallies {
  observe: (label: string, seconds: number) => void
  /** In the text format of Prometheus. */
  render: () => string
}

export interface TalliesOptions {
  name: string
  help: string
  labelName: string
  /** Labels that are told before anything is observed. Labels are words of our own, and written as they are. */
  labels?: readonly string[]
  /** Upper bounds of the buckets, in seconds, ascending. */
  bounds: readonly number[]
}

interface Tally {
  /** By bucket; the last is of what lies beyond every bound. */
  counts: number[]
  sum: number
}

/**
 * For the way of every request: prom-client checks and hashes the labels of each observation anew, six times a request,
 * which is an eighth of what we do for one.
 */
export const createTallies = ({ name, help, labelName, labels = [], bounds }: TalliesOptions): Tallies => {
  const tallies = new Map<string, Tally>()
  const add = (label: string): Tally => {
    const tally = { counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }
    tallies.set(label, tally)
    return tally
  }
  for (const label of labels) add(label)

  return {
    observe: (label, seconds) => {
      const tally = tallies.get(label) ?? add(label)
      let bucket = 0
      while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
      tally.counts[bucket] = (tally.counts[bucket] as number) + 1
      tally.sum += seconds
    },
    render: () => {
      const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
      for (const [label, { counts, sum }] of tallies) {
        const own = `${labelName}="${label}"`
        let count = 0
        for (const [bucket, inBucket] of counts.entries()) {
          count += inBucket
          lines.push(`${name}_bucket{le="${bounds[bucket] ?? '+Inf'}",${own}} ${count}`)
        }
        lines.push(`${name}_sum{${own}} ${sum}`, `${name}_count{${own}} ${count}`)
      }
      return `${lines.join('\n')}\n`
    }
  }
}
