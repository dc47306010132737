-- Until when a record says that its offer is there: an offer is withdrawn when that time has come, without a new file.
-- CreateTable
CREATE TABLE "expiries" (
    "source_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "stamp" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "run_id" BIGINT,
    "sent_at" TIMESTAMPTZ(6),

    CONSTRAINT "expiries_pkey" PRIMARY KEY ("source_id","external_id")
);

-- CreateIndex
CREATE INDEX "expiries_expires_at_idx" ON "expiries"("expires_at");

-- AddForeignKey
ALTER TABLE "expiries" ADD CONSTRAINT "expiries_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Everything above is what the schema engine's diff says. Stamps and keys are compared byte by byte, as everywhere.
ALTER TABLE "expiries"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "stamp" TYPE TEXT COLLATE "C";
