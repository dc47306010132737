-- How a webhook's senders are known, what happens when the broker is away, and what was refused.
-- DropIndex
DROP INDEX "outbox_created_at_idx";

-- AlterTable
ALTER TABLE "sources" ADD COLUMN     "auth" JSONB NOT NULL DEFAULT '{"scheme":"api-key"}',
ADD COLUMN     "on_broker_down" TEXT NOT NULL DEFAULT 'outbox',
ADD COLUMN     "on_paused" TEXT NOT NULL DEFAULT 'refuse',
ADD COLUMN     "rate_limit" INTEGER,
ADD COLUMN     "records_path" JSONB;

-- CreateTable
CREATE TABLE "source_secrets" (
    "id" SERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "label" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "not_before" TIMESTAMPTZ(6),
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),
    "last_used_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "source_secrets_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "refusals" (
    "source_id" INTEGER NOT NULL,
    "code" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(0) NOT NULL,
    "count" INTEGER NOT NULL,
    "last_at" TIMESTAMPTZ(6) NOT NULL,
    "sample" JSONB NOT NULL,

    CONSTRAINT "refusals_pkey" PRIMARY KEY ("source_id","code","minute")
);

-- CreateIndex
CREATE UNIQUE INDEX "source_secrets_source_id_label_key" ON "source_secrets"("source_id", "label");

-- CreateIndex
CREATE INDEX "refusals_minute_idx" ON "refusals"("minute");

-- CreateIndex
CREATE INDEX "outbox_source_id_id_idx" ON "outbox"("source_id", "id");

-- AddForeignKey
ALTER TABLE "source_secrets" ADD CONSTRAINT "source_secrets_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "refusals" ADD CONSTRAINT "refusals_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;
