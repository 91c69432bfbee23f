package translog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Storage is one open transaction of the store that keeps the log. A Batch
// calls it from one goroutine. Nothing needs to be durable before the store
// commits the transaction; if the store rolls back, the batch is forgotten and
// nothing has happened. Errors are passed on as they are; nothing is retried.
type Storage interface {
	// Size is how many entries the log has.
	Size() (int64, error)
	// ReadHashes gives the stored hashes at the indexes, in their order; an
	// index that is not there is an error.
	ReadHashes(indexes []int64) ([]Hash, error)
	// WriteEntry keeps the canonical form of the entry. Entries come in order.
	WriteEntry(seq int64, data []byte) error
	// WriteHashes keeps the hashes at first, first+1, …
	WriteHashes(first int64, hashes []Hash) error
	// WriteCheckpoint keeps the signed note of the head of this size, signed
	// at that instant. The store may then forget an earlier checkpoint, as
	// long as it keeps the last of every minute.
	WriteCheckpoint(size int64, at time.Time, signed []byte) error
}

// Log signs. It holds no state of the tree: that is the storage's.
type Log struct {
	signer note.Signer
}

// New makes a log that signs with this key (text form).
func New(signingKey string) (*Log, error) {
	s, err := note.NewSigner(strings.TrimSpace(signingKey))
	if err != nil {
		return nil, fmt.Errorf("log key: %w", err)
	}
	return &Log{signer: s}, nil
}

// Begin starts a batch on a transaction.
func (l *Log) Begin(s Storage) (*Batch, error) {
	size, err := s.Size()
	if err != nil {
		return nil, fmt.Errorf("size of the log: %w", err)
	}
	return &Batch{log: l, storage: s, base: size}, nil
}

// Batch collects the entries of one transaction. It writes nothing before
// Seal, so that a record that could not be written takes its entry with it
// (Truncate).
type Batch struct {
	log     *Log
	storage Storage
	base    int64
	pending [][]byte
}

// Next is the sequence number that the next entry will get.
func (b *Batch) Next() int64 { return b.base + int64(len(b.pending)) }

// Add takes an entry into the batch and gives its sequence number; e.Seq is
// set here.
func (b *Batch) Add(e Entry) (int64, error) {
	e.Seq = b.Next()
	data, err := e.Encode()
	if err != nil {
		return 0, err
	}
	b.pending = append(b.pending, data)
	return e.Seq, nil
}

// Truncate forgets the entries from that sequence number on.
func (b *Batch) Truncate(next int64) {
	if next >= b.base && next < b.Next() {
		b.pending = b.pending[:next-b.base]
	}
}

// Seal writes the entries, the hashes that they complete and a signed
// checkpoint for the new head. A batch without entries writes nothing and
// gives a zero Checkpoint.
func (b *Batch) Seal(at time.Time) (Checkpoint, error) {
	if len(b.pending) == 0 {
		return Checkpoint{}, nil
	}
	first := tlog.StoredHashCount(b.base)
	var fresh []Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		hashes := make([]Hash, len(indexes))
		var missing, at []int64
		for i, index := range indexes {
			if index >= first {
				if index-first >= int64(len(fresh)) {
					return nil, fmt.Errorf("hash %d is not computed yet", index)
				}
				hashes[i] = fresh[index-first]
				continue
			}
			missing, at = append(missing, index), append(at, int64(i))
		}
		if len(missing) == 0 {
			return hashes, nil
		}
		stored, err := b.storage.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		if len(stored) != len(missing) {
			return nil, errors.New("storage gave another number of hashes")
		}
		for i, h := range stored {
			hashes[at[i]] = h
		}
		return hashes, nil
	})
	for i, data := range b.pending {
		seq := b.base + int64(i)
		hashes, err := tlog.StoredHashes(seq, data, reader)
		if err != nil {
			return Checkpoint{}, fmt.Errorf("hashes of entry %d: %w", seq, err)
		}
		fresh = append(fresh, hashes...)
		if err := b.storage.WriteEntry(seq, data); err != nil {
			return Checkpoint{}, fmt.Errorf("entry %d: %w", seq, err)
		}
	}
	if err := b.storage.WriteHashes(first, fresh); err != nil {
		return Checkpoint{}, fmt.Errorf("hashes from %d: %w", first, err)
	}
	size := b.Next()
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("root of %d entries: %w", size, err)
	}
	c := Checkpoint{Origin: b.log.signer.Name(), Size: size, Root: root, At: at.UTC().Round(0)}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, b.log.signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint %d: %w", size, err)
	}
	if err := b.storage.WriteCheckpoint(size, c.At, signed); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint %d: %w", size, err)
	}
	b.base, b.pending = size, nil
	return c, nil
}
