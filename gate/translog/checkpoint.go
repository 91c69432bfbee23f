package translog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a hash of the Merkle tree.
type Hash = tlog.Hash

// Checkpoint is a head of the log: so many entries, with this root.
type Checkpoint struct {
	Origin string // name of the signing key
	Size   int64  // entries covered
	Root   Hash
	At     time.Time // of signing
}

// Text is the signed text of the checkpoint.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\nat %s\n", c.Origin, c.Size, c.Root, c.At.UTC().Format(time.RFC3339Nano))
}

// ParseCheckpoint reads what Text writes, and nothing else.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return Checkpoint{}, errors.New("checkpoint: want four lines: origin, size, root, instant")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: size: %w", err)
	}
	if size < 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: size %d", size)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: root: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, strings.TrimPrefix(lines[3], "at "))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: instant: %w", err)
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root, At: at}
	if c.Text() != text {
		return Checkpoint{}, errors.New("checkpoint: not in canonical form")
	}
	return c, nil
}

// OpenCheckpoint checks the signature of a signed checkpoint and reads it.
func OpenCheckpoint(signed []byte, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: %d signatures, want the log's alone", len(n.Sigs)+len(n.UnverifiedSigs))
	}
	sig := n.Sigs[0]
	_, strict := base64.StdEncoding.Strict().DecodeString(sig.Base64) // spare bits would let a byte change unseen
	if strict != nil || n.Text+"\n— "+sig.Name+" "+sig.Base64+"\n" != string(signed) {
		return Checkpoint{}, errors.New("checkpoint: not in canonical form")
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("checkpoint: origin %q is not the key's name %q", c.Origin, v.Name())
	}
	return c, nil
}

// GenerateKey makes a signing key of this name (no blanks, no plus sign) and
// the verifier key that belongs to it, in the text forms of sumdb/note.
func GenerateKey(random io.Reader, name string) (signing, verifying string, err error) {
	return note.GenerateKey(random, name)
}

// VerifierKey is the verifier key that belongs to a signing key.
func VerifierKey(signing string) (string, error) {
	parts := strings.SplitN(strings.TrimSpace(signing), "+", 5)
	if len(parts) != 5 || parts[0] != "PRIVATE" || parts[1] != "KEY" {
		return "", errors.New("log key: not a signing key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return "", errors.New("log key: damaged")
	}
	public, ok := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("log key: not an Ed25519 key")
	}
	return note.NewEd25519VerifierKey(parts[2], public)
}

// NewVerifier reads a verifier key.
func NewVerifier(key string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	return v, nil
}
