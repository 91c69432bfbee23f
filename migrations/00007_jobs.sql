-- +goose Up

-- The site's housekeeping: how each task's last run went. It changes in place
-- and is no evidence; what a task does to records stands in the log.
CREATE TABLE job (
  name     TEXT PRIMARY KEY,
  due      TEXT NOT NULL, -- the instant for which it last ran
  begun    TEXT NOT NULL,
  ended    TEXT NOT NULL, -- empty while it runs
  took     INTEGER NOT NULL, -- nanoseconds
  result   TEXT NOT NULL, -- ok, failed, panicked; empty before the first end
  detail   TEXT NOT NULL,
  memory   TEXT NOT NULL, -- what the task wants to know at its next run
  runs     INTEGER NOT NULL,
  failures INTEGER NOT NULL
) STRICT;

-- What would be decided of a vehicle on the list, by zone. The row of the list
-- says which; nothing here names it.
CREATE TABLE foreseen (
  registration INTEGER NOT NULL REFERENCES registration (seq) ON DELETE CASCADE,
  zone         TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  PRIMARY KEY (registration, zone)
) STRICT;
