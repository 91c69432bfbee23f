-- +goose Up

-- The versions of the site's rules, and what was done with each: proposed,
-- approved, rejected, withdrawn, effective. Nothing is changed in place, and
-- nothing is erased. Numbers are text, as they stand in the log.
CREATE TABLE policy_version (
  seq    INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at     TEXT NOT NULL,
  number TEXT NOT NULL UNIQUE,
  author TEXT NOT NULL,
  doc    TEXT NOT NULL
) STRICT;

CREATE TABLE policy_step (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  version TEXT NOT NULL REFERENCES policy_version (number),
  kind    TEXT NOT NULL,
  doc     TEXT NOT NULL
) STRICT;
CREATE INDEX policy_step_version ON policy_step (version);

-- The changes of the threat level, and their ends.
CREATE TABLE posture (
  seq    INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at     TEXT NOT NULL,
  number TEXT NOT NULL UNIQUE,
  level  TEXT NOT NULL,
  doc    TEXT NOT NULL
) STRICT;
