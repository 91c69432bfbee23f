package translog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"
)

// Entry is one line of the log.
type Entry struct {
	Seq     int64           `json:"seq"`               // from 0, without gaps
	At      time.Time       `json:"at"`                // UTC
	Kind    string          `json:"kind"`              // what was recorded
	Lane    string          `json:"lane,omitempty"`    // where, if at a lane
	Passage string          `json:"passage,omitempty"` // of which passage, if of one
	Row     string          `json:"row,omitempty"`     // table of the one row that holds the record; empty when the entry is all
	Body    json.RawMessage `json:"body,omitempty"`    // what may be kept for ever: a JSON object without personal data
	Commit  *Commitment     `json:"commit,omitempty"`  // to the row's personal data
}

// KindErased is the kind of the entry that erases personal data of others; its
// body is an Erasure.
const KindErased = "erased"

// Erasure is the body of an entry of KindErased.
type Erasure struct {
	Before time.Time `json:"before"` // records older than this
	Why    string    `json:"why"`
	By     string    `json:"by,omitempty"` // who ordered it; empty is retention
	Seqs   []int64   `json:"seqs"`         // entries whose personal data is gone, rising
}

// Encode is the canonical form of the entry: one JSON object, fields in fixed
// order, no blanks, instants in UTC; the strings within Body stay as they were
// given. Only this form may be hashed.
func (e Entry) Encode() ([]byte, error) {
	e.At = e.At.UTC().Round(0)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// DecodeEntry reads an entry and refuses whatever Encode would have written in
// another way, so that one entry has one form.
func DecodeEntry(data []byte) (Entry, error) {
	var e Entry
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("entry: %w", err)
	}
	again, err := e.Encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, errors.New("entry: not in canonical form")
	}
	return e, nil
}

// Commitment is a salted SHA-256 of personal data. Without the salt (32 random
// bytes) it tells nothing, not even to one who tries all VINs.
type Commitment [sha256.Size]byte

// SaltSize is the size of a salt in bytes.
const SaltSize = 32

// Commit commits to fields, in order.
func Commit(salt [SaltSize]byte, fields ...[]byte) (c Commitment) {
	h := sha256.New()
	commit(h, &c, salt[:], fields)
	return c
}

// commit is Commit by a hash that is used again.
func commit(h hash.Hash, c *Commitment, salt []byte, fields [][]byte) {
	const head = "sallyport commitment v1\n"
	var start [len(head) + SaltSize + 8]byte
	h.Reset()
	n := copy(start[:], head)
	n += copy(start[n:], salt)
	for _, f := range fields {
		h.Write(binary.BigEndian.AppendUint64(start[:n], uint64(len(f))))
		h.Write(f)
		n = 0
	}
	h.Write(start[:n])
	h.Sum(c[:0])
}

// MarshalText writes lower-case hexadecimal.
func (c Commitment) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, c[:]), nil }

// UnmarshalText reads hexadecimal.
func (c *Commitment) UnmarshalText(text []byte) error {
	if len(text) != 2*len(c) {
		return fmt.Errorf("commitment: %d characters, want %d", len(text), 2*len(c))
	}
	if _, err := hex.Decode(c[:], text); err != nil {
		return fmt.Errorf("commitment: %w", err)
	}
	return nil
}
