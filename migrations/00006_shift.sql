-- +goose Up

-- Alarms that somebody must take note of, and that somebody did. Nothing is
-- changed in place, and nothing is erased: no vehicle and no driver is named.
CREATE TABLE alarm_step (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  lane  TEXT NOT NULL,
  alarm TEXT NOT NULL,
  kind  TEXT NOT NULL,
  doc   TEXT NOT NULL,
  UNIQUE (alarm, kind)
) STRICT;

-- Who has which lane: begun, offered, accepted, withdrawn, taken over, ended.
-- Numbers are text, as they stand in the log.
CREATE TABLE shift_step (
  seq    INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at     TEXT NOT NULL,
  lane   TEXT NOT NULL,
  number TEXT NOT NULL,
  kind   TEXT NOT NULL,
  doc    TEXT NOT NULL,
  UNIQUE (lane, number)
) STRICT;

-- Paper forms of the manual procedure: printed, entered, spoilt, countersigned.
-- What a form says of a vehicle stands in the passage that it became.
CREATE TABLE form_step (
  seq    INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at     TEXT NOT NULL,
  lane   TEXT NOT NULL,
  number TEXT NOT NULL,
  kind   TEXT NOT NULL,
  doc    TEXT NOT NULL,
  UNIQUE (lane, number)
) STRICT;

-- PINs change in place, as passwords do; that one was set or locked is logged as
-- an event.
CREATE TABLE pin (
  user_id      TEXT PRIMARY KEY REFERENCES user (id) ON DELETE CASCADE,
  hash         TEXT NOT NULL,
  tries        INTEGER NOT NULL DEFAULT 0,
  locked_until TEXT NOT NULL DEFAULT ''
) STRICT;

-- Acts of a kind since an instant, for limits, and passages of a lane within a
-- shift.
CREATE INDEX act_kind ON act (kind, at);
CREATE INDEX passage_lane_at ON passage (lane, at);
