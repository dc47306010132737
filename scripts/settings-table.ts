import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './root.ts'
import { toConfigurationTable } from './settings.ts'

/** Writes the table of settings into README.md from the services' own schemas; a unit test says when it is due. */
const file = join(ROOT, 'README.md')
const [before = '', after = ''] = (await readFile(file, 'utf8')).split(
  /<!-- settings -->[^]*<!-- \/settings -->/
)
await writeFile(file, `${before}<!-- settings -->\n\n${toConfigurationTable()}\n\n<!-- /settings -->${after}`)
