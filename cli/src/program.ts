import { Command, Help } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { withExamples } from './command.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addFeeds } from './commands/feeds.ts'
import { addFormats } from './commands/formats.ts'
import { addKeys } from './commands/keys.ts'
import { addOffers } from './commands/offers.ts'
import { addRefusals } from './commands/refusals.ts'
import { addRejections } from './commands/rejections.ts'
import { addRemap } from './commands/remap.ts'
import { addRuns } from './commands/runs.ts'
import { addSecrets } from './commands/secrets.ts'
import { addSources } from './commands/sources.ts'
import { addTopology } from './commands/topology.ts'
import { addVendors } from './commands/vendors.ts'
import type { Context } from './context.ts'
import type { Streams } from './output.ts'
import { USUAL_WIDTH } from './terminal.ts'

/** The whole command line. Building it opens nothing; `--help` needs no settings. */
export const createProgram = (context: Context, streams: Streams): Command => {
  // Sentences are wrapped even where nothing is cut.
  const width = (): number => Math.min(context.out.screen.width, USUAL_WIDTH)
  const program = new Command('sluice')
    .description('Webhooks and feeds in, one stream of offers out: see and steer the house.')
    .version(manifest.version, '-V, --version', 'print the version')
    .option('--json', 'print one JSON document and nothing else')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      // The version is no matter of a single command.
      visibleGlobalOptions: (command) =>
        Object.assign(new Help(), { showGlobalOptions: true })
          .visibleGlobalOptions(command)
          .filter((option) => option.name() !== 'version')
    })
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      outputError: () => undefined, // said once, in one line, by `Output.fail`
      getOutHelpWidth: width,
      getErrHelpWidth: width
    })

  // What every command of the tree is made with; a noun adds its verbs.
  addVendors(program, context)
  addSources(program, context)
  addKeys(program, context)
  addSecrets(program, context)
  addFeeds(program, context)
  addRuns(program, context)
  addOffers(program, context)
  addRefusals(program, context)
  addRejections(program, context)
  addDeadLetters(program, context)
  addRemap(program, context)
  addTopology(program, context)
  addFormats(program, context)

  return withExamples(
    program,
    ['sluice vendors add acme --name "Acme Homes"', 'a company whose CRM will send us offers'],
    ['sluice sources add webhook acme-crm --vendor acme', 'a door for its CRM to post to'],
    ['sluice keys create acme-crm', 'the key it must send; shown once'],
    ['sluice feeds run acme-kyero', 'fetch a feed now and watch'],
    ['sluice offers explain acme 4711', 'why does this offer look like this?'],
    ['sluice rejections list --source acme-crm --json', 'what could not be applied, for a script'],
    ['sluice feeds run --help', 'what a command does and takes']
  )
}
