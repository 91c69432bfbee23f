-- +goose Up

-- The tamper-evident log (gate/translog): entries in canonical form, the hashes
-- of their Merkle tree, and the signed heads.
CREATE TABLE log (
  seq   INTEGER PRIMARY KEY,
  entry TEXT NOT NULL
) STRICT;

CREATE TABLE log_hash (
  idx  INTEGER PRIMARY KEY,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE log_checkpoint (
  size   INTEGER PRIMARY KEY,
  signed TEXT NOT NULL
) STRICT;

-- Records. Each row belongs to the log entry seq. The columns before salt are
-- what may be kept for ever and stand in the entry too; salt and the columns
-- after it are personal data, to which the entry commits, and which erasure
-- sets to NULL.
CREATE TABLE passage (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  id      TEXT NOT NULL UNIQUE,
  outcome TEXT NOT NULL,
  policy  TEXT NOT NULL,
  salt    BLOB,
  vin     TEXT,
  plate   TEXT,
  doc     TEXT
) STRICT;
CREATE INDEX passage_at ON passage (at);
CREATE INDEX passage_lane ON passage (lane);
CREATE INDEX passage_vin ON passage (vin) WHERE vin IS NOT NULL;
CREATE INDEX passage_plate ON passage (plate) WHERE plate IS NOT NULL;

CREATE TABLE reassessment (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  passage TEXT NOT NULL REFERENCES passage (id),
  outcome TEXT NOT NULL,
  policy  TEXT NOT NULL,
  because TEXT NOT NULL,
  salt    BLOB,
  doc     TEXT
) STRICT;
CREATE INDEX reassessment_passage ON reassessment (passage);

CREATE TABLE act (
  seq        INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at         TEXT NOT NULL,
  lane       TEXT NOT NULL,
  passage    TEXT NOT NULL REFERENCES passage (id),
  kind       TEXT NOT NULL,
  by         TEXT NOT NULL,
  supervisor TEXT NOT NULL,
  salt       BLOB,
  reason     TEXT
) STRICT;
CREATE INDEX act_passage ON act (passage);

CREATE TABLE outcome (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  passage TEXT NOT NULL UNIQUE REFERENCES passage (id),
  ending  TEXT NOT NULL,
  note    TEXT NOT NULL
) STRICT;

CREATE TABLE inspection (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  id      TEXT NOT NULL UNIQUE,
  by      TEXT NOT NULL,
  expires TEXT NOT NULL,
  salt    BLOB,
  vin     TEXT,
  doc     TEXT
) STRICT;
CREATE INDEX inspection_vin ON inspection (vin) WHERE vin IS NOT NULL;

-- The list of known vehicles, as a history: the last row of a vehicle holds.
-- An empty class means that the vehicle was taken off the list.
CREATE TABLE registration (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  class TEXT NOT NULL,
  salt  BLOB,
  vin   TEXT,
  plate TEXT,
  doc   TEXT
) STRICT;
CREATE INDEX registration_vin ON registration (vin) WHERE vin IS NOT NULL;
CREATE INDEX registration_plate ON registration (plate) WHERE plate IS NOT NULL;

-- The policies under which verdicts were given.
CREATE TABLE policy (
  seq    INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at     TEXT NOT NULL,
  hash   TEXT NOT NULL UNIQUE,
  id     TEXT NOT NULL,
  source BLOB NOT NULL
) STRICT;

-- People, their sessions, and the machines that may speak to the site. These
-- change in place; what is done with them is logged as events.
CREATE TABLE user (
  id       TEXT PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  role     TEXT NOT NULL,
  hash     TEXT NOT NULL,
  lang     TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE session (
  token_hash BLOB PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
  created    TEXT NOT NULL,
  expires    TEXT NOT NULL
) STRICT;
CREATE INDEX session_user ON session (user_id);

CREATE TABLE device (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL,
  kind    TEXT NOT NULL,
  lane    TEXT NOT NULL,
  created TEXT NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
