-- The change that creates an offer keeps no copy of it as long as the offer says just that. The column is named anew so that
-- workers of the release before hold what they have instead of telling a change without its units.
-- In the order of the workers, which write an offer and then its change: the other way round one would wait for the other.
LOCK TABLE "offers" IN SHARE ROW EXCLUSIVE MODE;

-- AlterTable
ALTER TABLE "offer_changes" RENAME COLUMN "units" TO "diff";
ALTER TABLE "offer_changes" ALTER COLUMN "diff" DROP NOT NULL;

-- CreateTable
CREATE TABLE "first_contents" (
    "vendor_id" INTEGER NOT NULL,
    "external_id" TEXT NOT NULL,
    "content" JSONB NOT NULL,

    CONSTRAINT "first_contents_pkey" PRIMARY KEY ("vendor_id","external_id")
);


-- Everything above is what the schema engine's diff says, but for the renaming.
ALTER TABLE "first_contents" ALTER COLUMN "external_id" TYPE TEXT COLLATE "C";

DO $$ BEGIN
    ALTER TABLE "first_contents" ALTER COLUMN "content" SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- as for the other documents
END $$;

-- Not checked for what is stored already: none of it lacks a diff.
ALTER TABLE "offer_changes" ADD CONSTRAINT "offer_changes_diff_check"
    CHECK ("diff" IS NOT NULL OR "revision" = 1) NOT VALID;

-- Whoever changes an offer that is still as it was created, in whatever way, keeps what its first change has told.
CREATE FUNCTION "keep_first_content"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO first_contents (vendor_id, external_id, content)
    SELECT OLD.vendor_id, OLD.external_id, OLD.content FROM offer_changes c
    WHERE c.vendor_id = OLD.vendor_id AND c.external_id = OLD.external_id AND c.revision = 1 AND c.diff IS NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER "offers_changed_first" AFTER UPDATE ON "offers"
    -- A batch may change an offer and change it back: its later changes would find another revision, and not look.
    FOR EACH ROW WHEN (OLD."revision" = 1 AND (NEW."revision" > 1 OR OLD."content" IS DISTINCT FROM NEW."content"))
    EXECUTE FUNCTION "keep_first_content"();
CREATE TRIGGER "offers_deleted_first" AFTER DELETE ON "offers"
    FOR EACH ROW WHEN (OLD."revision" = 1)
    EXECUTE FUNCTION "keep_first_content"();

-- What happened to offers as people look at it: every change with all of its units.
CREATE VIEW "offer_history" AS
SELECT
    c."id",
    c."seq",
    c."vendor_id",
    c."external_id",
    c."revision",
    c."kind",
    COALESCE(c."diff", (
        SELECT jsonb_object_agg(unit.name, jsonb_build_object('new', unit.value))
        FROM jsonb_each(COALESCE(
            (SELECT f."content" FROM "first_contents" f
             WHERE f."vendor_id" = c."vendor_id" AND f."external_id" = c."external_id"),
            (SELECT o."content" FROM "offers" o
             WHERE o."vendor_id" = c."vendor_id" AND o."external_id" = c."external_id")
        )) AS unit(name, value)
    )) AS "units",
    c."stamp",
    c."source",
    c."message_id",
    c."traceparent",
    c."created_at"
FROM "offer_changes" c;
