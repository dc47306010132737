import type { Command } from 'commander'
import { createVendor, listVendors, type VendorRow } from '@sluice/prisma/tables/vendors'
import { listSources } from '@sluice/prisma/tables/sources'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import { displayName, slug } from '../input.ts'
import { EVERY } from '../lookup.ts'
import { renderTable } from '../render.ts'

/** `sluice vendors`: the companies whose CRMs send us offers. */
export const addVendors = (program: Command, { out, sql }: Context): void => {
  const vendors = program
    .command('vendors')
    .summary('companies whose CRMs send us offers')
    .description(
      'A vendor is a company whose CRM sends us offers. Everything a vendor sends, by whatever way, is about the ' +
        "same offers: one offer is unique by the vendor and the vendor's own id."
    )

  withExamples(
    vendors
      .command('add')
      .summary('add a vendor')
      .description('Adds a vendor. Nothing arrives yet: give it a source next.')
      .argument('<slug>', 'short name for ever: in addresses, headers and logs', slug)
      .option('--name <name>', 'name for people (default: the slug)', displayName)
      .action(async (vendorSlug: string, options: { name?: string }) => {
        const vendor = await createVendor(await sql(), { slug: vendorSlug, name: options.name ?? vendorSlug })
        if (vendor === undefined) {
          throw new CommandError(
            'VENDOR_EXISTS',
            `Vendor "${vendorSlug}" exists already; choose another slug, or go on with \`sluice sources add\`.`
          )
        }
        out.answer({ vendor: toDocument(vendor) }, () => `Added vendor ${vendor.slug} (${vendor.name}).`)
        out.note(`Next: sluice sources add webhook ${vendor.slug}-crm --vendor ${vendor.slug}`)
      }),
    ['sluice vendors add acme --name "Acme Homes"', 'a new vendor']
  )

  withExamples(
    vendors
      .command('list')
      .summary('list vendors and their sources')
      .description('Lists every vendor with its sources.')
      .action(async () => {
        const store = await sql()
        const [rows, sources] = [
          await listVendors(store, { limit: EVERY }),
          await listSources(store, { limit: EVERY })
        ]
        const sourcesOf = (vendor: VendorRow): string[] =>
          sources.filter((source) => source.vendorSlug === vendor.slug).map((source) => source.slug)
        out.answer(
          { vendors: rows.map((vendor) => ({ ...toDocument(vendor), sources: sourcesOf(vendor) })) },
          (screen) =>
            rows.length === 0
              ? 'No vendors yet. `sluice vendors add <slug>` makes one.'
              : renderTable(
                  [{ title: 'VENDOR' }, { title: 'NAME', shrinkTo: 12 }, { title: 'SOURCES', shrinkTo: 16 }],
                  rows.map((vendor) => [vendor.slug, vendor.name, sourcesOf(vendor).join(', ')]),
                  screen
                )
        )
      }),
    ['sluice vendors list', 'all of them'],
    ["sluice vendors list --json | jq -r '.vendors[].slug'", 'for a script']
  )

  withExamples(
    vendors,
    ['sluice vendors add acme --name "Acme Homes"', 'a new vendor'],
    ['sluice vendors list', 'all of them']
  )
}

const toDocument = (vendor: VendorRow): { slug: string; name: string; createdAt: Date } => ({
  slug: vendor.slug,
  name: vendor.name,
  createdAt: vendor.createdAt
})
