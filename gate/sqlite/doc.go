// Package sqlite is the database of a site: the only SQL that a gate runs. It
// implements the ports of package gate (Recorder, Registry, InspectionStore,
// PolicyStore, PostureStore) and keeps people, sessions and devices.
//
// It imports gate, gate/translog and migrations, mattn/go-sqlite3 (which needs
// cgo) and goose. One process writes at a time; a lock file says which.
//
// Life of one record: the caller's goroutine makes its canonical form, its
// salt and its commitment, and queues it. The writer goroutine takes all that
// is queued (group commit), writes each record and its log entry in one
// transaction on the only writing connection, seals the log with a signed
// checkpoint, commits with a sync to disk, and answers all of them. Readers use
// a pool of read-only connections and never wait for the writer.
//
// Personal data (VIN, plate, what was assessed, what was read off a vehicle,
// photographs, words of a reason) sits in columns that EraseBefore sets to NULL,
// overwriting what was there; the log keeps salted commitments, and the erasure
// is itself an entry.
package sqlite
