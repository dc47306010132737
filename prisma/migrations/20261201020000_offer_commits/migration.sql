-- The place of a change in the stream is that of its transaction, and which of its changes it is: one row a transaction is
-- numbered, where every change was written once more, into every index. What is there already counts as a transaction each.
LOCK TABLE "offer_changes" IN ACCESS EXCLUSIVE MODE;

-- CreateTable
CREATE TABLE "offer_commits" (
    "id" BIGSERIAL NOT NULL,
    "changes" INTEGER NOT NULL,
    "first_seq" BIGINT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "offer_commits_pkey" PRIMARY KEY ("id")
);
INSERT INTO "offer_commits" ("id", "changes", "first_seq", "created_at")
SELECT "id", 1, "seq", "created_at" FROM "offer_changes";
SELECT setval('offer_commits_id_seq', nextval('offer_changes_id_seq'));

-- CreateIndex
CREATE UNIQUE INDEX "offer_commits_first_seq_key" ON "offer_commits"("first_seq");

-- AlterTable
DROP VIEW "offer_history";
ALTER TABLE "offer_changes" DROP COLUMN "seq";
ALTER TABLE "offer_changes" RENAME COLUMN "id" TO "commit_id";
ALTER TABLE "offer_changes" ALTER COLUMN "commit_id" DROP DEFAULT;
DROP SEQUENCE "offer_changes_id_seq";
ALTER TABLE "offer_changes" ADD COLUMN "place" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "offer_changes" ALTER COLUMN "place" DROP DEFAULT;
ALTER TABLE "offer_changes" DROP CONSTRAINT "offer_changes_pkey",
    ADD CONSTRAINT "offer_changes_pkey" PRIMARY KEY ("commit_id", "place");

-- Those that have no place in the stream yet: seldom more than a few.
CREATE INDEX "offer_commits_unnumbered" ON "offer_commits"("id") WHERE "first_seq" IS NULL;

CREATE VIEW "offer_history" AS
SELECT
    c."commit_id",
    c."place",
    m."first_seq" + c."place" AS "seq",
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
FROM "offer_changes" c JOIN "offer_commits" m ON m."id" = c."commit_id";
