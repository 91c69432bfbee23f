-- +goose Up

-- Holds on the records of a vehicle, placed and lifted: while one is in force
-- nothing of that vehicle is erased, by retention or on request.
CREATE TABLE hold (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  id    TEXT NOT NULL,
  kind  TEXT NOT NULL,
  by    TEXT NOT NULL,
  salt  BLOB,
  vin   TEXT,
  plate TEXT,
  why   TEXT,
  UNIQUE (id, kind)
) STRICT;
