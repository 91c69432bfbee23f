-- +goose Up

-- What is changed of the site's settings while it runs: proposed by one person,
-- decided by another, as a history.
CREATE TABLE setting (
  seq  INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at   TEXT NOT NULL,
  kind TEXT NOT NULL,
  by   TEXT NOT NULL,
  doc  TEXT NOT NULL
) STRICT;
