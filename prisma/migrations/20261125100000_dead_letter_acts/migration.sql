-- Who replayed or discarded a dead letter, when and why.
-- CreateTable
CREATE TABLE "dead_letter_acts" (
    "id" BIGSERIAL NOT NULL,
    "dead_letter_id" BIGINT NOT NULL,
    "act" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "reason" TEXT,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "dead_letter_acts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "dead_letter_acts_dead_letter_id_idx" ON "dead_letter_acts"("dead_letter_id");

-- AddForeignKey
ALTER TABLE "dead_letter_acts" ADD CONSTRAINT "dead_letter_acts_dead_letter_id_fkey" FOREIGN KEY ("dead_letter_id") REFERENCES "dead_letters"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Everything above is what the schema engine's diff says. A replay walks through the open ones by number, and most
-- letters of a long life are not open any more.
CREATE INDEX "dead_letters_open" ON "dead_letters"("id") WHERE "replayed_at" IS NULL AND "discarded_at" IS NULL;
