-- +goose Up

-- The vehicles of a fleet are lines of the site's list that name it.
CREATE INDEX registration_fleet ON registration (CASE WHEN json_valid(doc) THEN doc ->> '$.fleet' END, seq) WHERE doc IS NOT NULL;

-- How a fleet stands, as a history: its last row holds.
CREATE TABLE fleet (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  fleet TEXT NOT NULL,
  by    TEXT NOT NULL,
  doc   TEXT NOT NULL
) STRICT;
CREATE INDEX fleet_fleet ON fleet (fleet);

-- What fleets ask to be let off, and what was done with it.
CREATE TABLE exemption (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  id    TEXT NOT NULL UNIQUE,
  fleet TEXT NOT NULL,
  by    TEXT NOT NULL,
  salt  BLOB,
  vin   TEXT,
  doc   TEXT
) STRICT;
CREATE INDEX exemption_fleet ON exemption (fleet);
CREATE INDEX exemption_vin ON exemption (vin) WHERE vin IS NOT NULL;

CREATE TABLE exemption_step (
  seq       INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at        TEXT NOT NULL,
  exemption TEXT NOT NULL REFERENCES exemption (id),
  kind      TEXT NOT NULL,
  by        TEXT NOT NULL,
  salt      BLOB,
  note      TEXT
) STRICT;
CREATE INDEX exemption_step_exemption ON exemption_step (exemption);

-- The papers that a fleet files for a vehicle.
CREATE TABLE document (
  seq  INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at   TEXT NOT NULL,
  id   TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  by   TEXT NOT NULL,
  salt BLOB,
  vin  TEXT, -- the plate, with a colon before it, of a vehicle without one
  doc  TEXT,
  data BLOB
) STRICT;
CREATE INDEX document_vin ON document (vin) WHERE vin IS NOT NULL;

-- What became milder or stricter, or will, since it was last foreseen. It is
-- worked out from the list, the rules and the data, and is no evidence; the row
-- of the list says which vehicle it is about, and nothing here names it.
CREATE TABLE notice (
  id           INTEGER PRIMARY KEY,
  registration INTEGER NOT NULL REFERENCES registration (seq) ON DELETE CASCADE,
  at           TEXT NOT NULL,
  zone         TEXT NOT NULL,
  before       TEXT NOT NULL,
  after        TEXT NOT NULL,
  cause        TEXT NOT NULL,
  version      INTEGER NOT NULL,
  takes        TEXT NOT NULL, -- empty: it is so already
  rule         TEXT NOT NULL,
  because      TEXT NOT NULL
) STRICT;
CREATE INDEX notice_registration ON notice (registration);
