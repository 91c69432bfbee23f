package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Why a witness does not cosign. Each is wrapped with the sizes concerned.
var (
	// ErrFork says that there are two logs: the head does not continue the one
	// that the witness cosigned.
	ErrFork = errors.New("another log: it does not continue what was cosigned before")
	// ErrShrunk says that the log has fewer entries than were cosigned.
	ErrShrunk = errors.New("the log has become shorter than what was cosigned before")
	// ErrProof says that the proof begins at another head than the one that the
	// witness cosigned last.
	ErrProof = errors.New("the proof does not begin at the head that was cosigned last")
)

// algCosignature is the signature type of an Ed25519 cosignature with an instant
// (https://c2sp.org/tlog-cosignature).
const algCosignature = 0x04

// keyID is that of a signed note's key (https://c2sp.org/signed-note).
func keyID(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:])
}

// validName tells whether a key may bear the name.
func validName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "+ \t\r\n\u00a0\u2028\u2029")
}

// Cosigner is the key of a witness.
type Cosigner struct {
	name string
	key  ed25519.PrivateKey
}

// GenerateWitnessKey makes a witness's signing key of this name (no blanks, no
// plus sign), and the verifier key that belongs to it.
func GenerateWitnessKey(random io.Reader, name string) (signing, verifying string, err error) {
	if !validName(name) {
		return "", "", fmt.Errorf("witness key: %q is no name of a key", name)
	}
	public, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return "", "", fmt.Errorf("witness key: %w", err)
	}
	key := append([]byte{algCosignature}, public...)
	id := keyID(name, key)
	secret := append([]byte{algCosignature}, private.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(secret)),
		fmt.Sprintf("%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(key)), nil
}

// NewCosigner reads a witness's signing key.
func NewCosigner(signingKey string) (*Cosigner, error) {
	parts := strings.SplitN(strings.TrimSpace(signingKey), "+", 5)
	if len(parts) != 5 || parts[0] != "PRIVATE" || parts[1] != "KEY" || !validName(parts[2]) {
		return nil, errors.New("witness key: not a signing key")
	}
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize || seed[0] != algCosignature {
		return nil, errors.New("witness key: not the key of a witness, or damaged")
	}
	c := &Cosigner{name: parts[2], key: ed25519.NewKeyFromSeed(seed[1:])}
	if fmt.Sprintf("%08x", c.hash()) != parts[3] {
		return nil, errors.New("witness key: damaged")
	}
	return c, nil
}

func (c *Cosigner) public() []byte {
	return append([]byte{algCosignature}, c.key[ed25519.SeedSize:]...)
}

func (c *Cosigner) hash() uint32 { return keyID(c.name, c.public()) }

// VerifierKey is the key by which others know what this one has cosigned.
func (c *Cosigner) VerifierKey() string {
	return fmt.Sprintf("%s+%08x+%s", c.name, c.hash(), base64.StdEncoding.EncodeToString(c.public()))
}

// cosigning is a Cosigner at an instant: a note.Signer.
type cosigning struct {
	*Cosigner
	at time.Time
}

// Name is the name of the key.
func (c cosigning) Name() string { return c.name }

// KeyHash is the key's id.
func (c cosigning) KeyHash() uint32 { return c.hash() }

// Sign signs the text with the instant.
func (c cosigning) Sign(msg []byte) ([]byte, error) {
	at := c.at.Unix()
	if at <= 0 {
		return nil, errors.New("cosignature: no instant")
	}
	sig := binary.BigEndian.AppendUint64(nil, uint64(at))
	return append(sig, ed25519.Sign(c.key, cosigned(uint64(at), msg))...), nil
}

// cosigned is what a cosignature signs.
func cosigned(at uint64, msg []byte) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(at, 10)+"\n"), msg...)
}

// witness is the verifier key of a witness: a note.Verifier.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

// NewWitness reads the verifier key of a witness.
func NewWitness(verifierKey string) (note.Verifier, error) {
	parts := strings.SplitN(strings.TrimSpace(verifierKey), "+", 3)
	if len(parts) != 3 || !validName(parts[0]) {
		return nil, errors.New("witness: not a verifier key")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algCosignature {
		return nil, errors.New("witness: not the verifier key of a witness, or damaged")
	}
	w := witness{name: parts[0], id: keyID(parts[0], key), key: key[1:]}
	if fmt.Sprintf("%08x", w.id) != parts[1] {
		return nil, errors.New("witness: verifier key damaged")
	}
	return w, nil
}

// Name is the name of the key.
func (w witness) Name() string { return w.name }

// KeyHash is the key's id.
func (w witness) KeyHash() uint32 { return w.id }

// Verify checks a cosignature.
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(w.key, cosigned(binary.BigEndian.Uint64(sig), msg), sig[8:])
}

// Cosignature says which witness saw a head, and when.
type Cosignature struct {
	Name string    `json:"name"`
	At   time.Time `json:"at,omitzero"` // zero where the witness is not known
	// Known says that the key is known, and the signature valid.
	Known bool `json:"known"`
}

// CosignedHead is a head of the log with the signatures of witnesses.
type CosignedHead struct {
	Checkpoint
	Log  []byte // the note with the log's signature alone
	Seen []Cosignature
}

// OpenCosigned reads a head that witnesses have cosigned: the log's signature is
// the first, and valid; a signature of a known witness is valid, or the whole is
// refused. Signatures of others are named and say nothing.
func OpenCosigned(signed []byte, log note.Verifier, witnesses ...note.Verifier) (h CosignedHead, err error) {
	text, sigs, ok := strings.Cut(string(signed), "\n\n")
	if !ok || !strings.HasSuffix(sigs, "\n") {
		return h, errors.New("cosigned head: not a signed note")
	}
	lines := strings.SplitAfter(strings.TrimSuffix(sigs, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	h.Log = []byte(text + "\n\n" + lines[0])
	if h.Checkpoint, err = OpenCheckpoint(h.Log, log); err != nil {
		return h, err
	}
	known := make(map[string]note.Verifier, len(witnesses))
	for _, w := range witnesses {
		known[w.Name()] = w
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"), " ")
		sig, err := base64.StdEncoding.Strict().DecodeString(value)
		if !strings.HasPrefix(line, "— ") || !ok || err != nil || len(sig) < 4 || !validName(name) || i >= maxCosignatures {
			return h, fmt.Errorf("cosigned head of %d entries: signature %d cannot be read", h.Size, i+2)
		}
		c := Cosignature{Name: name}
		if w := known[name]; w != nil {
			if binary.BigEndian.Uint32(sig) != w.KeyHash() || !w.Verify([]byte(text+"\n"), sig[4:]) {
				return h, fmt.Errorf("cosigned head of %d entries: the cosignature of %s is not valid", h.Size, name)
			}
			c.Known, c.At = true, time.Unix(int64(binary.BigEndian.Uint64(sig[4:])), 0).UTC() //nolint:gosec // signed by the witness
		}
		h.Seen = append(h.Seen, c)
	}
	return h, nil
}

// maxCosignatures bounds the signatures of one head.
const maxCosignatures = 16

// SeenBy tells whether a known witness has cosigned.
func (h CosignedHead) SeenBy() bool {
	for _, c := range h.Seen {
		if c.Known {
			return true
		}
	}
	return false
}

// WitnessRequest asks a witness to cosign a head: the proof that it continues
// the head that the witness cosigned last. Its text is the request of
// https://c2sp.org/tlog-witness: "old SIZE", the hashes of the proof, a blank
// line, the head.
type WitnessRequest struct {
	Old   int64 // entries of the head at which the proof begins; 0 is none
	Proof []Hash
	Head  []byte // signed by the log
}

// maxProof is more hashes than any proof has.
const maxProof = 64

// Text is the request as it is handed over.
func (r WitnessRequest) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", r.Old)
	for _, h := range r.Proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteByte('\n')
	b.Write(r.Head)
	return b.Bytes()
}

// ParseWitnessRequest reads what Text writes, and nothing else.
func ParseWitnessRequest(text []byte) (r WitnessRequest, err error) {
	head, rest, _ := strings.Cut(string(text), "\n")
	number, ok := strings.CutPrefix(head, "old ")
	if r.Old, err = strconv.ParseInt(number, 10, 64); !ok || err != nil || r.Old < 0 {
		return r, errors.New("request to a witness: it does not begin with the size of an old head")
	}
	for {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok || len(r.Proof) > maxProof {
			return r, errors.New("request to a witness: no head")
		}
		rest = after
		if line == "" {
			break
		}
		h, err := tlog.ParseHash(line)
		if err != nil {
			return r, fmt.Errorf("request to a witness: proof: %w", err)
		}
		r.Proof = append(r.Proof, h)
	}
	r.Head = []byte(rest)
	if !bytes.Equal(r.Text(), text) {
		return r, errors.New("request to a witness: not in canonical form")
	}
	return r, nil
}

// Cosign adds the witness's signature to the head of a request. Last is the head
// that this witness cosigned last of that log, nil when it has none: the caller
// keeps what is returned as the next one, durable before it is handed out.
func (c *Cosigner) Cosign(r WitnessRequest, log note.Verifier, last []byte, at time.Time) ([]byte, error) {
	head, err := OpenCheckpoint(r.Head, log)
	if err != nil {
		return nil, err
	}
	var before Checkpoint
	if last != nil {
		h, err := OpenCosigned(last, log)
		if err != nil {
			return nil, fmt.Errorf("the head cosigned last: %w", err)
		}
		before = h.Checkpoint
	}
	switch {
	case head.Size < before.Size:
		return nil, fmt.Errorf("%w: %d entries, and %d were cosigned", ErrShrunk, head.Size, before.Size)
	case head.Size == before.Size && head.Root != before.Root && before.Size > 0:
		return nil, fmt.Errorf("%w: two heads of %d entries", ErrFork, head.Size)
	case r.Old != before.Size:
		return nil, fmt.Errorf("%w: it begins at %d entries, and %d were cosigned", ErrProof, r.Old, before.Size)
	}
	if before.Size > 0 {
		if err := CheckConsistency(r.Proof, head, before); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFork, err)
		}
	}
	n, err := note.Open(r.Head, note.VerifierList(log))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	signed, err := note.Sign(n, cosigning{c, at})
	if err != nil {
		return nil, fmt.Errorf("cosign %d entries: %w", head.Size, err)
	}
	return signed, nil
}
