-- How a feed is fetched beside its address, and runs that found the file of an earlier one.
-- AlterTable
ALTER TABLE "sources" ADD COLUMN     "fetch" JSONB;

-- AlterTable
ALTER TABLE "feed_runs" ADD COLUMN     "unchanged_since" BIGINT;
