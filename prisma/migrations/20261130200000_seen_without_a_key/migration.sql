-- A run looked itself up for each id it saw, which took as long as noting it.
-- DropForeignKey
ALTER TABLE "run_seen" DROP CONSTRAINT "run_seen_run_id_fkey";
