-- The place of a change in the stream is that of the transaction that made it, its commit, and which of the commit's changes it
-- is: one row a commit is numbered, where every change was written once more, and into three indexes.

-- Whoever reads the view locks it first and the tables then: the other way round, the two would wait for each other.
DROP VIEW "offer_history";
LOCK TABLE "offer_changes" IN ACCESS EXCLUSIVE MODE;

-- CreateTable
CREATE TABLE "offer_commits" (
    "id" BIGSERIAL NOT NULL,
    "changes" INTEGER NOT NULL,
    "first_seq" BIGINT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "offer_commits_pkey" PRIMARY KEY ("id")
);
-- What is there counts as a commit each.
INSERT INTO "offer_commits" ("id", "changes", "first_seq", "created_at")
SELECT "id", 1, "seq", "created_at" FROM "offer_changes";
SELECT setval('offer_commits_id_seq', nextval('offer_changes_id_seq'));

-- CreateIndex
CREATE UNIQUE INDEX "offer_commits_first_seq_key" ON "offer_commits"("first_seq");

-- AlterTable
ALTER TABLE "offer_changes" DROP COLUMN "seq";
ALTER TABLE "offer_changes" RENAME COLUMN "id" TO "commit_id";
ALTER TABLE "offer_changes" ALTER COLUMN "commit_id" DROP DEFAULT;
DROP SEQUENCE "offer_changes_id_seq";
ALTER TABLE "offer_changes" ADD COLUMN "place" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "offer_changes" ALTER COLUMN "place" DROP DEFAULT;
ALTER TABLE "offer_changes" DROP CONSTRAINT "offer_changes_pkey",
    ADD CONSTRAINT "offer_changes_pkey" PRIMARY KEY ("commit_id", "place");
-- A worker of the release before would write a change without a commit, and take the refusal for the record's fault. Without
-- the name of this column it knows that the database is not its own, and holds the record.
ALTER TABLE "offer_changes" RENAME COLUMN "diff" TO "own_units";
ALTER TABLE "offer_changes" RENAME CONSTRAINT "offer_changes_diff_check" TO "offer_changes_own_units_check";

-- Those that have no place in the stream yet: seldom more than a few.
CREATE INDEX "offer_commits_unnumbered" ON "offer_commits"("id") WHERE "first_seq" IS NULL;

CREATE OR REPLACE FUNCTION "keep_first_content"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO first_contents (vendor_id, external_id, content)
    SELECT OLD.vendor_id, OLD.external_id, OLD.content FROM offer_changes c
    WHERE c.vendor_id = OLD.vendor_id AND c.external_id = OLD.external_id AND c.revision = 1 AND c.own_units IS NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE VIEW "offer_history" AS
SELECT
    c."commit_id",
    c."place",
    m."first_seq" + c."place" AS "seq",
    c."vendor_id",
    c."external_id",
    c."revision",
    c."kind",
    COALESCE(c."own_units", (
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
FROM "offer_changes" c LEFT JOIN "offer_commits" m ON m."id" = c."commit_id";
