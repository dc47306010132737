-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "vendors" (
    "id" SERIAL NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "vendors_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sources" (
    "id" SERIAL NOT NULL,
    "vendor_id" INTEGER NOT NULL,
    "slug" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "format" TEXT NOT NULL,
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "revision" INTEGER NOT NULL DEFAULT 1,
    "paused_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "address" TEXT,
    "schedule" TEXT,
    "next_run_at" TIMESTAMPTZ(6),
    "run_requested_at" TIMESTAMPTZ(6),
    "export_lag_ms" INTEGER NOT NULL DEFAULT 900000,

    CONSTRAINT "sources_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" SERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "prefix" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "not_before" TIMESTAMPTZ(6),
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),
    "last_used_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "locations" (
    "id" SERIAL NOT NULL,
    "key" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "state_or_province" TEXT,
    "city" TEXT,
    "district" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "locations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "offers" (
    "vendor_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "base_stamp" TEXT NOT NULL,
    "unit_stamps" JSONB NOT NULL,
    "source_stamps" JSONB NOT NULL,
    "location_id" INTEGER,
    "row_version" INTEGER NOT NULL,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "offers_pkey" PRIMARY KEY ("vendor_id","external_id")
);

-- CreateTable
CREATE TABLE "offer_changes" (
    "id" BIGSERIAL NOT NULL,
    "seq" BIGINT,
    "vendor_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "units" JSONB NOT NULL,
    "stamp" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "message_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "published_at" TIMESTAMPTZ(6),

    CONSTRAINT "offer_changes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "feed_runs" (
    "id" BIGSERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "trigger" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "snapshot" TEXT,
    "lease_token" TEXT NOT NULL,
    "lease_until" TIMESTAMPTZ(6) NOT NULL,
    "started_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "read_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),
    "progress_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "bytes_total" BIGINT,
    "bytes_read" BIGINT NOT NULL DEFAULT 0,
    "body_sha256" TEXT,
    "etag" TEXT,
    "last_modified" TEXT,
    "format_version" INTEGER,
    "source_revision" INTEGER,
    "records_seen" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "published" INTEGER NOT NULL DEFAULT 0,
    "malformed" INTEGER NOT NULL DEFAULT 0,
    "duplicates" INTEGER NOT NULL DEFAULT 0,
    "problems" JSONB NOT NULL DEFAULT '[]',
    "error_code" TEXT,
    "error_message" TEXT,

    CONSTRAINT "feed_runs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "run_seen" (
    "run_id" BIGINT NOT NULL,
    "external_id" TEXT NOT NULL,

    CONSTRAINT "run_seen_pkey" PRIMARY KEY ("run_id","external_id")
);

-- CreateTable
CREATE TABLE "feed_records" (
    "source_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "record_hash" TEXT NOT NULL,
    "format_version" INTEGER NOT NULL,
    "source_revision" INTEGER NOT NULL,
    "stamp" TEXT NOT NULL,
    "fact_at_from" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "run_id" BIGINT NOT NULL,
    "settled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feed_records_pkey" PRIMARY KEY ("source_id","external_id")
);

-- CreateTable
CREATE TABLE "rejections" (
    "id" BIGSERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "path" TEXT,
    "message" TEXT NOT NULL,
    "stamp" TEXT NOT NULL,
    "message_id" TEXT,
    "run_id" BIGINT,
    "record" JSONB,
    "count" INTEGER NOT NULL DEFAULT 1,
    "first_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(6),

    CONSTRAINT "rejections_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deliveries" (
    "message_id" TEXT NOT NULL,
    "source_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "stamp" TEXT NOT NULL,
    "record" JSONB,
    "outcome" TEXT NOT NULL,
    "code" TEXT,
    "path" TEXT,
    "message" TEXT,
    "received_at" TIMESTAMPTZ(6) NOT NULL,
    "settled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "deliveries_pkey" PRIMARY KEY ("message_id")
);

-- CreateTable
CREATE TABLE "dead_letters" (
    "id" BIGSERIAL NOT NULL,
    "message_id" TEXT,
    "source" TEXT,
    "external_id" TEXT,
    "lane" TEXT,
    "routing_key" TEXT NOT NULL,
    "properties" JSONB NOT NULL,
    "headers" JSONB NOT NULL,
    "body" BYTEA NOT NULL,
    "fault_class" TEXT,
    "fault_code" TEXT NOT NULL,
    "fault_message" TEXT,
    "attempts" INTEGER NOT NULL,
    "first_seen_at" TIMESTAMPTZ(6),
    "dead_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "replayed_at" TIMESTAMPTZ(6),
    "replays" INTEGER NOT NULL DEFAULT 0,
    "discarded_at" TIMESTAMPTZ(6),
    "discard_reason" TEXT,

    CONSTRAINT "dead_letters_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "outbox" (
    "id" BIGSERIAL NOT NULL,
    "source_id" INTEGER NOT NULL,
    "message_id" TEXT NOT NULL,
    "routing_key" TEXT NOT NULL,
    "properties" JSONB NOT NULL,
    "body" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "vendors_slug_key" ON "vendors"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "sources_slug_key" ON "sources"("slug");

-- CreateIndex
CREATE INDEX "sources_vendor_id_idx" ON "sources"("vendor_id");

-- CreateIndex
CREATE INDEX "sources_next_run_at_idx" ON "sources"("next_run_at");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_digest_key" ON "api_keys"("digest");

-- CreateIndex
CREATE INDEX "api_keys_source_id_idx" ON "api_keys"("source_id");

-- CreateIndex
CREATE UNIQUE INDEX "locations_key_key" ON "locations"("key");

-- CreateIndex
CREATE INDEX "offers_state_updated_at_idx" ON "offers"("state", "updated_at");

-- CreateIndex
CREATE INDEX "offers_location_id_idx" ON "offers"("location_id");

-- CreateIndex
CREATE UNIQUE INDEX "offer_changes_seq_key" ON "offer_changes"("seq");

-- CreateIndex
CREATE UNIQUE INDEX "offer_changes_vendor_id_external_id_revision_key" ON "offer_changes"("vendor_id", "external_id", "revision");

-- CreateIndex
CREATE INDEX "feed_runs_source_id_started_at_idx" ON "feed_runs"("source_id", "started_at" DESC);

-- CreateIndex
CREATE INDEX "feed_records_source_id_record_hash_idx" ON "feed_records"("source_id", "record_hash");

-- CreateIndex
CREATE INDEX "feed_records_run_id_outcome_idx" ON "feed_records"("run_id", "outcome");

-- CreateIndex
CREATE INDEX "rejections_source_id_closed_at_last_at_idx" ON "rejections"("source_id", "closed_at", "last_at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "rejections_source_id_external_id_key" ON "rejections"("source_id", "external_id");

-- CreateIndex
CREATE INDEX "deliveries_source_id_received_at_idx" ON "deliveries"("source_id", "received_at" DESC);

-- CreateIndex
CREATE INDEX "deliveries_settled_at_idx" ON "deliveries"("settled_at");

-- CreateIndex
CREATE INDEX "dead_letters_dead_at_idx" ON "dead_letters"("dead_at" DESC);

-- CreateIndex
CREATE INDEX "dead_letters_message_id_idx" ON "dead_letters"("message_id");

-- CreateIndex
CREATE UNIQUE INDEX "outbox_message_id_key" ON "outbox"("message_id");

-- CreateIndex
CREATE INDEX "outbox_created_at_idx" ON "outbox"("created_at");

-- AddForeignKey
ALTER TABLE "sources" ADD CONSTRAINT "sources_vendor_id_fkey" FOREIGN KEY ("vendor_id") REFERENCES "vendors"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offers" ADD CONSTRAINT "offers_vendor_id_fkey" FOREIGN KEY ("vendor_id") REFERENCES "vendors"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offers" ADD CONSTRAINT "offers_location_id_fkey" FOREIGN KEY ("location_id") REFERENCES "locations"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "feed_runs" ADD CONSTRAINT "feed_runs_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "run_seen" ADD CONSTRAINT "run_seen_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "feed_runs"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "feed_records" ADD CONSTRAINT "feed_records_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rejections" ADD CONSTRAINT "rejections_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "outbox" ADD CONSTRAINT "outbox_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Everything above is what the schema engine's diff says. Below is what schema.prisma cannot say and the diff does
-- not look at: a column's collation, checks, storage parameters, functions and views.

-- Stamps are compared byte by byte, as `shared/src/stamp.ts` does. Keys too: one order everywhere (paging, lock
-- order, prefix search), and an index that a new libc's collation cannot corrupt.
ALTER TABLE "vendors"
    ALTER COLUMN "slug" TYPE TEXT COLLATE "C";
ALTER TABLE "sources"
    ALTER COLUMN "slug" TYPE TEXT COLLATE "C";
ALTER TABLE "api_keys"
    ALTER COLUMN "digest" TYPE TEXT COLLATE "C";
ALTER TABLE "locations"
    ALTER COLUMN "key" TYPE TEXT COLLATE "C";
ALTER TABLE "offers"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "base_stamp" TYPE TEXT COLLATE "C";
ALTER TABLE "offer_changes"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "stamp" TYPE TEXT COLLATE "C";
ALTER TABLE "run_seen"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C";
ALTER TABLE "feed_records"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "record_hash" TYPE TEXT COLLATE "C",
    ALTER COLUMN "stamp" TYPE TEXT COLLATE "C";
ALTER TABLE "rejections"
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "stamp" TYPE TEXT COLLATE "C";
ALTER TABLE "deliveries"
    ALTER COLUMN "message_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "external_id" TYPE TEXT COLLATE "C",
    ALTER COLUMN "stamp" TYPE TEXT COLLATE "C";
ALTER TABLE "dead_letters"
    ALTER COLUMN "message_id" TYPE TEXT COLLATE "C";
ALTER TABLE "outbox"
    ALTER COLUMN "message_id" TYPE TEXT COLLATE "C";

-- One run of a source is alive at a time, whoever starts it.
CREATE UNIQUE INDEX "feed_runs_one_alive" ON "feed_runs"("source_id") WHERE "state" IN ('reading', 'settling');

-- Words that decide which rows a query sees.
ALTER TABLE "sources" ADD CONSTRAINT "sources_kind_check" CHECK ("kind" IN ('webhook', 'feed'));
ALTER TABLE "offers" ADD CONSTRAINT "offers_state_check" CHECK ("state" IN ('incomplete', 'active', 'withdrawn'));
ALTER TABLE "feed_runs" ADD CONSTRAINT "feed_runs_state_check"
    CHECK ("state" IN ('reading', 'settling', 'done', 'failed', 'superseded'));

-- Rows that are rewritten keep room beside them: an equal fact moves stamps only and touches no index.
ALTER TABLE "offers" SET (fillfactor = 80);
ALTER TABLE "feed_records" SET (fillfactor = 80);

CREATE FUNCTION "area_m2"(area JSONB) RETURNS NUMERIC
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN round((area ->> 'value')::NUMERIC * CASE area ->> 'unit'
        WHEN 'm2' THEN 1
        WHEN 'ft2' THEN 0.09290304
        WHEN 'dka' THEN 1000
        WHEN 'acre' THEN 4046.8564224
        WHEN 'ha' THEN 10000
    END, 2);

-- The offers as a person or a portal looks at them: complete ones, one typed column a fact. `docs/offer.md` says what
-- each means; a later migration that changes a column of `offers` used here drops and creates the view around it.
CREATE VIEW "listings" AS
SELECT
    v."slug" AS "vendor",
    o."external_id",
    o."state",
    o."content" ->> 'standardStatus' AS "standard_status",
    o."content" ->> 'transaction' AS "transaction",
    o."content" #>> '{propertyType,type}' AS "property_type",
    o."content" #>> '{propertyType,subType}' AS "property_sub_type",
    (o."content" #>> '{listPrice,amount}')::NUMERIC AS "price_amount",
    o."content" #>> '{listPrice,currency}' AS "price_currency",
    o."content" #>> '{listPrice,period}' AS "price_period",
    area_m2(o."content" -> 'livingArea') AS "living_area_m2",
    area_m2(o."content" -> 'buildingArea') AS "building_area_m2",
    area_m2(o."content" -> 'lotSize') AS "lot_size_m2",
    (o."content" #>> '{rooms,roomsTotal}')::INTEGER AS "rooms",
    (o."content" #>> '{rooms,bedroomsTotal}')::INTEGER AS "bedrooms",
    (o."content" #>> '{rooms,bathroomsTotal}')::INTEGER AS "bathrooms",
    (o."content" #>> '{floor,floor}')::INTEGER AS "floor",
    (o."content" #>> '{floor,floorsTotal}')::INTEGER AS "floors_total",
    (o."content" #>> '{construction,newConstruction}')::BOOLEAN AS "new_construction",
    (o."content" #>> '{construction,yearBuilt}')::INTEGER AS "year_built",
    o."content" #>> '{location,country}' AS "country",
    o."content" #>> '{location,stateOrProvince}' AS "state_or_province",
    o."content" #>> '{location,city}' AS "city",
    o."content" #>> '{location,district}' AS "district",
    o."content" #>> '{location,postalCode}' AS "postal_code",
    o."content" #>> '{location,street}' AS "street",
    (o."content" #>> '{coordinates,latitude}')::DOUBLE PRECISION AS "latitude",
    (o."content" #>> '{coordinates,longitude}')::DOUBLE PRECISION AS "longitude",
    coalesce(jsonb_array_length(o."content" -> 'media'), 0) AS "images",
    o."content" ->> 'listingId' AS "listing_id",
    o."location_id",
    o."revision",
    o."created_at",
    o."updated_at"
FROM "offers" o
JOIN "vendors" v ON v."id" = o."vendor_id"
WHERE o."state" <> 'incomplete';
