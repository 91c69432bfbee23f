-- +goose Up

-- What people have beside a password: a badge, fleets (of fleet managers, a JSON
-- array of ids), the secret of their one-time codes with the number of the last
-- step that was used (RFC 6238), a start code by which they choose a password
-- themselves, and what an identity provider knows them as.
ALTER TABLE user ADD COLUMN badge       TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN fleets      TEXT NOT NULL DEFAULT '[]';
ALTER TABLE user ADD COLUMN created     TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN secret      TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN secret_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN start_hash  TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN start_until TEXT NOT NULL DEFAULT '';
ALTER TABLE user ADD COLUMN subject     TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX user_badge ON user (badge) WHERE badge <> '';
CREATE UNIQUE INDEX user_subject ON user (subject) WHERE subject <> '';

-- Codes for whoever lost the telephone, as their SHA-256, each for one sign-in.
CREATE TABLE recovery (
  user_id TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
  hash    BLOB NOT NULL,
  PRIMARY KEY (user_id, hash)
) STRICT;

-- How a person signed in, where, and when the session was last used.
ALTER TABLE session ADD COLUMN kind    TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN device  TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN seen    TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN agent   TEXT NOT NULL DEFAULT '';

-- Wrong tries in a row, by a digest of what was tried: what is typed in place of
-- a name may be a password.
CREATE TABLE tries (
  of   TEXT PRIMARY KEY,
  n    INTEGER NOT NULL,
  last TEXT NOT NULL
) STRICT;

-- The address that a kiosk stands at: its token is good from there only.
CREATE TABLE kiosk (
  device  TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
  address TEXT NOT NULL,
  bound   TEXT NOT NULL
) STRICT;
