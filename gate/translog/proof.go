package translog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// HashReader reads stored hashes by index; Storage is one.
type HashReader interface {
	ReadHashes(indexes []int64) ([]Hash, error)
}

// ProveInclusion proves that entry seq is in the tree of that size. The proof
// has about log2(size) hashes.
func ProveInclusion(r HashReader, size, seq int64) ([]Hash, error) {
	p, err := tlog.ProveRecord(size, seq, r)
	if err != nil {
		return nil, fmt.Errorf("proof of entry %d in %d: %w", seq, size, err)
	}
	return p, nil
}

// CheckInclusion checks that an entry, by its canonical form, is entry seq of
// the tree that the checkpoint heads.
func CheckInclusion(proof []Hash, head Checkpoint, seq int64, entry []byte) error {
	if err := tlog.CheckRecord(proof, head.Size, head.Root, seq, tlog.RecordHash(entry)); err != nil {
		return fmt.Errorf("entry %d is not in the log of %d entries: %w", seq, head.Size, err)
	}
	return nil
}

// ProveConsistency proves that the tree of size newer continues that of size
// older.
func ProveConsistency(r HashReader, newer, older int64) ([]Hash, error) {
	p, err := tlog.ProveTree(newer, older, r)
	if err != nil {
		return nil, fmt.Errorf("proof that %d continues %d: %w", newer, older, err)
	}
	return p, nil
}

// CheckConsistency checks that the log of the newer checkpoint has the log of
// the older one as its beginning.
func CheckConsistency(proof []Hash, newer, older Checkpoint) error {
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("the log of %d entries does not continue the log of %d: %w", newer.Size, older.Size, err)
	}
	return nil
}

// Root is the root of the log as it was with so many entries.
func Root(r HashReader, size int64) (Hash, error) {
	h, err := tlog.TreeHash(size, r)
	if err != nil {
		return Hash{}, fmt.Errorf("root of %d entries: %w", size, err)
	}
	return h, nil
}
