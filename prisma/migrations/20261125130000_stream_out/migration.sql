-- The stream out: how far it is numbered, and how far it is published. Both ends only grow, so one row says it all;
-- a column in every change would be written once more for each, and nobody ever wrote or read that one.
CREATE TABLE "offer_stream" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "last_seq" BIGINT NOT NULL DEFAULT 0,
    "published_seq" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "offer_stream_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "offer_stream_one_row" CHECK ("id" = 1)
);
INSERT INTO "offer_stream" DEFAULT VALUES;

ALTER TABLE "offer_changes" DROP COLUMN "published_at", ADD COLUMN "traceparent" TEXT;

-- The changes that have no place in the stream yet: seldom more than a batch.
CREATE INDEX "offer_changes_unnumbered" ON "offer_changes"("id") WHERE "seq" IS NULL;
