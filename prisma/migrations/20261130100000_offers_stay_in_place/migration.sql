-- An update of an offer stays on its page and touches no index (HOT) as long as no indexed column changes: the time of
-- its last change was indexed, and changes with every update. Who looks for offers that stay incomplete finds them by
-- their state alone; they are few.
DROP INDEX "offers_state_updated_at_idx";
CREATE INDEX "offers_incomplete" ON "offers"("vendor_id", "external_id") WHERE "state" = 'incomplete';

-- Nobody looks for offers by place, and no place is ever deleted, but every new offer paid for it.
DROP INDEX "offers_location_id_idx";

-- Room on the page for the next version of an offer.
ALTER TABLE "offers" SET (fillfactor = 80);
