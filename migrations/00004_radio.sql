-- +goose Up

-- Which emitters were surely in a vehicle on a visit, by pseudonyms of 8 bytes
-- each, sorted. A row is there only where the site has an impact assessment; it
-- is erased with its passage, and with the key of its epoch at the latest.
CREATE TABLE radio_set (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  passage TEXT NOT NULL UNIQUE REFERENCES passage (id),
  epoch   TEXT NOT NULL,
  salt    BLOB,
  tags    BLOB
) STRICT;

-- The keys of the pseudonyms, made and destroyed. The keys themselves never
-- stand in the database. Numbers are text, as they stand in the log.
CREATE TABLE radio_key (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  epoch TEXT NOT NULL,
  kind  TEXT NOT NULL,
  doc   TEXT NOT NULL,
  UNIQUE (epoch, kind)
) STRICT;
