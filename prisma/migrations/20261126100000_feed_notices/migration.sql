-- Runs that read everything again, what became of their records for good, and troubles people are told of.
-- AlterTable
ALTER TABLE "sources" ADD COLUMN     "full_requested" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "feed_runs" ADD COLUMN     "full" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "outcomes" JSONB,
ADD COLUMN     "overlapped" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "incidents" (
    "id" BIGSERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "run_id" BIGINT NOT NULL,
    "opened_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(6),
    "told_at" TIMESTAMPTZ(6),
    "told_over_at" TIMESTAMPTZ(6),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "incidents_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "incidents_source_id_idx" ON "incidents"("source_id");

-- AddForeignKey
ALTER TABLE "incidents" ADD CONSTRAINT "incidents_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Everything above is what the schema engine's diff says. One trouble of a kind at a time, and those to be told of.
CREATE UNIQUE INDEX "incidents_one_open" ON "incidents"("source_id", "kind") WHERE "closed_at" IS NULL;
CREATE INDEX "incidents_untold" ON "incidents"("next_at") WHERE "told_at" IS NULL OR "told_over_at" IS NULL;
