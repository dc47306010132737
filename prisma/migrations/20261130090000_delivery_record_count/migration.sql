-- Of how many records a webhook request was, so that what became of it is final only when all of them are settled.
-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "record_count" INTEGER;
