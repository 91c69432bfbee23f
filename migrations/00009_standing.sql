-- +goose Up

-- How a lane stands after each order of a person and each alarm: closed, in
-- manual procedure, in emergency egress, its direction, its alarms. The last row
-- of a lane is what it comes back to when the program starts.
CREATE TABLE standing (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  lane  TEXT NOT NULL,
  event TEXT NOT NULL,
  by    TEXT NOT NULL,
  doc   TEXT NOT NULL
) STRICT;

CREATE INDEX standing_lane ON standing (lane, seq);
