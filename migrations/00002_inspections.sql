-- +goose Up

-- What was done to an inspection after it was recorded: confirmed by a second
-- person, withdrawn, voided. Nothing is changed in place. The table inspection
-- stays as it is: what an inspection holds stands in its doc, and records made
-- before this migration are read in their old form.
CREATE TABLE inspection_act (
  seq        INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at         TEXT NOT NULL,
  inspection TEXT NOT NULL REFERENCES inspection (id),
  kind       TEXT NOT NULL,
  by         TEXT NOT NULL,
  salt       BLOB,
  note       TEXT
) STRICT;
CREATE INDEX inspection_act_inspection ON inspection_act (inspection);

-- Photographs of inspections, where the site keeps them. The log commits to
-- both the picture and its SHA-256, so that erasing the row leaves no trace of
-- what it showed.
CREATE TABLE photo (
  seq        INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at         TEXT NOT NULL,
  inspection TEXT NOT NULL REFERENCES inspection (id),
  type       TEXT NOT NULL,
  by         TEXT NOT NULL,
  salt       BLOB,
  sha256     TEXT,
  data       BLOB
) STRICT;
CREATE INDEX photo_inspection ON photo (inspection);
