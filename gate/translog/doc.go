// Package translog is the tamper-evident log of a site: an RFC 6962 Merkle
// tree over canonical entries, with signed checkpoints and proofs.
//
// It is pure: storage is an interface that this package owns, time is an
// argument. It imports nothing of this module; hashing, proofs and signatures
// are those of golang.org/x/mod/sumdb (tlog and note), and a checkpoint has
// the form of https://c2sp.org/tlog-checkpoint with one extension line, the
// instant of signing.
//
// Life of one entry: a store that is about to commit a record begins a Batch
// on its own transaction, adds the entry (which gets its sequence number
// there), and seals the batch. Seal writes entries, the hashes that they
// complete, and one signed checkpoint for the new head, so that whatever is
// committed is covered by a signature. Verify later reads everything back,
// computes all hashes again and names the first entry that does not fit.
//
// Personal data never enters an entry. A record that holds any is committed to
// by a salted SHA-256 (Commit); salt and data lie beside the log, and erasing
// both leaves the chain whole. What was erased is itself logged.
package translog
