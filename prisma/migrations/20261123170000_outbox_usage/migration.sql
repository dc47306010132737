-- How much of a source waits in the outbox: its bound holds in the statement that stores, without counting rows.
-- CreateTable
CREATE TABLE "outbox_usage" (
    "source_id" INTEGER NOT NULL,
    "rows" INTEGER NOT NULL,
    "bytes" BIGINT NOT NULL,

    CONSTRAINT "outbox_usage_pkey" PRIMARY KEY ("source_id")
);

-- AddForeignKey
ALTER TABLE "outbox_usage" ADD CONSTRAINT "outbox_usage_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Everything above is what the schema engine's diff says. A source has one row here, rewritten with every batch.
ALTER TABLE "outbox_usage" SET (fillfactor = 50);
