-- What vanished from a feed: what a run concluded from its list, and how much of that is believed without a person.
-- AlterTable
ALTER TABLE "sources" ADD COLUMN     "hold_count" INTEGER NOT NULL DEFAULT 10,
ADD COLUMN     "hold_share" DOUBLE PRECISION NOT NULL DEFAULT 0.3;

-- AlterTable
ALTER TABLE "feed_runs" ADD COLUMN     "extent" TEXT,
ADD COLUMN     "fact_at" BIGINT,
ADD COLUMN     "gone" INTEGER,
ADD COLUMN     "known" INTEGER,
ADD COLUMN     "received_at" BIGINT,
ADD COLUMN     "rejected" INTEGER,
ADD COLUMN     "removals" TEXT,
ADD COLUMN     "removals_at" TIMESTAMPTZ(6),
ADD COLUMN     "removals_by" TEXT,
ADD COLUMN     "removals_code" TEXT,
ADD COLUMN     "removals_reason" TEXT,
ADD COLUMN     "removals_run_id" BIGINT,
ADD COLUMN     "vanished" INTEGER NOT NULL DEFAULT 0;


-- Everything above is what the schema engine's diff says.
ALTER TABLE "feed_runs" ADD CONSTRAINT "feed_runs_removals_check"
    CHECK ("removals" IN ('none', 'sending', 'sent', 'pending', 'released', 'dismissed', 'replaced'));

-- The newest list of a feed, and what waits for somebody: looked up in every run.
CREATE INDEX "feed_runs_lists" ON "feed_runs"("source_id", "id") WHERE "removals" IS NOT NULL;
