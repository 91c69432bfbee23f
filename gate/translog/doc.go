// Package translog is the tamper-evident log of a site: an RFC 6962 Merkle
// tree over canonical entries, with signed checkpoints, proofs, cosignatures and
// bundles.
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
// computes all hashes again and names the first entry that does not fit;
// VerifyBlocks says only whether anything does not, in a fraction of the time.
//
// Life of one head: the site keeps it outside its database, so that an older
// database put in place of the newer does not take it along, and hands it to a
// witness as a WitnessRequest (https://c2sp.org/tlog-witness), with the proof
// that it continues the head which that witness saw last. The witness's Cosigner
// checks the proof, and signs (https://c2sp.org/tlog-cosignature): from then on
// not even the holder of the site's key can tell another story of what came
// before, because OpenCosigned finds that it was not seen. A fork, a log that
// became shorter and a proof from elsewhere each have a name: ErrFork, ErrShrunk,
// ErrProof.
//
// A Bundle carries entries, earlier heads and one proof for all of them; its
// format stands with the type. CheckBundle needs nothing but the log's public
// key.
//
// Personal data never enters an entry. A record that holds any is committed to
// by a salted SHA-256 (Commit); salt and data lie beside the log, and erasing
// both leaves the chain and every proof whole. What was erased is itself logged,
// with who ordered it and why; a bundle discloses data only where it was asked to.
package translog
