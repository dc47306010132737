import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../root.ts'

/** The rule as the linter runs it, over one file with a statement a line. */
const refusedLines = (lines: readonly string[]): readonly number[] => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-lint-'))
  try {
    const config = join(folder, 'oxlintrc.json')
    const file = join(folder, 'sample.ts')
    writeFileSync(
      config,
      JSON.stringify({
        jsPlugins: [join(ROOT, 'scripts/lint/constant-time.ts')],
        rules: { 'house/constant-time': 'error' }
      })
    )
    writeFileSync(file, lines.join('\n'))
    let answer: string
    try {
      answer = execFileSync(
        process.execPath,
        [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '-c', config, '--format', 'json', file],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
      )
    } catch (thrown) {
      answer = (thrown as { stdout: string }).stdout
    }
    const { diagnostics } = JSON.parse(answer) as {
      diagnostics: { code: string; labels: { span: { line: number } }[] }[]
    }
    return diagnostics
      .filter(({ code }) => code.includes('constant-time'))
      .map(({ labels }) => labels[0]?.span.line ?? 0)
      .toSorted((a, b) => a - b)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const REFUSED = [
  'if (signature === expected) use()',
  'if (key != given) use()',
  'const isSame = digest !== hash(given)',
  'if (left.equals(right)) use()',
  'if (Buffer.compare(left, right) === 0) use()',
  'if (signatures.includes(expected)) use()',
  'if (signatures.indexOf(hash(given)) >= 0) use()',
  'switch (given) { case expected: use() }'
]
const FINE = [
  "if (scheme === 'basic') use()",
  'if (given === undefined) use()',
  'if (given.length !== key.length) use()',
  'if (bytes[0] !== VERSION) use()',
  "if (id.includes('.')) use()",
  "switch (scheme) { case 'basic': use() }",
  'if (timingSafeEqual(left, right)) use()'
]

it('refuses every comparison that stops at the first difference, and no other', () => {
  expect(refusedLines([...FINE, ...REFUSED])).toEqual(REFUSED.map((_, index) => FINE.length + index + 1))
})
