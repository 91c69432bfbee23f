-- +goose Up

-- Who is inside: each stay begins with a row of stay and ends with one of
-- stay_end, in the transaction of the passage's outcome or of a person's
-- correction. A stay_end without a stay is a vehicle that left without having
-- come in, as far as the site knows. Nothing is changed in place.
CREATE TABLE stay (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  passage TEXT NOT NULL,
  id      TEXT NOT NULL UNIQUE,
  kind    TEXT NOT NULL,
  by      TEXT NOT NULL,
  salt    BLOB,
  vin     TEXT,
  plate   TEXT,
  doc     TEXT
) STRICT;
CREATE INDEX stay_vin ON stay (vin) WHERE vin IS NOT NULL;
CREATE INDEX stay_plate ON stay (plate) WHERE plate IS NOT NULL;

CREATE TABLE stay_end (
  seq     INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at      TEXT NOT NULL,
  lane    TEXT NOT NULL,
  passage TEXT NOT NULL,
  stay    TEXT NOT NULL,
  kind    TEXT NOT NULL,
  by      TEXT NOT NULL,
  salt    BLOB,
  vin     TEXT,
  plate   TEXT,
  doc     TEXT
) STRICT;
CREATE UNIQUE INDEX stay_end_stay ON stay_end (stay) WHERE stay <> '';
CREATE INDEX stay_end_vin ON stay_end (vin) WHERE vin IS NOT NULL;
CREATE INDEX stay_end_plate ON stay_end (plate) WHERE plate IS NOT NULL;

-- The open ones again, so that a list of who is inside does not read the years
-- before. It holds nothing that the two tables above do not.
CREATE TABLE stay_open (
  seq INTEGER PRIMARY KEY REFERENCES stay (seq)
) STRICT;

-- The watch list, and what was done with its entries.
CREATE TABLE watch (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  id    TEXT NOT NULL UNIQUE,
  kind  TEXT NOT NULL,
  by    TEXT NOT NULL,
  salt  BLOB,
  vin   TEXT,
  plate TEXT,
  doc   TEXT
) STRICT;
CREATE INDEX watch_vin ON watch (vin) WHERE vin IS NOT NULL;
CREATE INDEX watch_plate ON watch (plate) WHERE plate IS NOT NULL;

CREATE TABLE watch_step (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  watch TEXT NOT NULL REFERENCES watch (id),
  kind  TEXT NOT NULL,
  by    TEXT NOT NULL,
  salt  BLOB,
  note  TEXT
) STRICT;
CREATE INDEX watch_step_watch ON watch_step (watch);

-- The passes that the site has issued, and what was done with them.
CREATE TABLE pass (
  seq   INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at    TEXT NOT NULL,
  id    TEXT NOT NULL UNIQUE,
  until TEXT NOT NULL,
  by    TEXT NOT NULL,
  salt  BLOB,
  vin   TEXT,
  plate TEXT,
  doc   TEXT
) STRICT;
CREATE INDEX pass_vin ON pass (vin) WHERE vin IS NOT NULL;
CREATE INDEX pass_plate ON pass (plate) WHERE plate IS NOT NULL;

CREATE TABLE pass_step (
  seq  INTEGER PRIMARY KEY REFERENCES log (seq) DEFERRABLE INITIALLY DEFERRED,
  at   TEXT NOT NULL,
  pass TEXT NOT NULL REFERENCES pass (id),
  kind TEXT NOT NULL,
  by   TEXT NOT NULL,
  salt BLOB,
  note TEXT
) STRICT;
CREATE INDEX pass_step_pass ON pass_step (pass);
