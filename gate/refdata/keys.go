package refdata

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// PrivateKey is the Ed25519 key (RFC 8032) of one authority.
type PrivateKey struct {
	Name string
	key  ed25519.PrivateKey
}

// PublicKey is what an authority gives away.
type PublicKey struct {
	Name  string        `json:"name"`
	KeyID string        `json:"keyid"` // SHA-256 of the key's canonical JSON, as TUF names keys
	Key   *metadata.Key `json:"key"`
}

// keyFile is a private key as stored: the seed in clear, or sealed with a
// passphrase (scrypt and NaCl secretbox).
type keyFile struct {
	Name   string          `json:"name"`
	KeyID  string          `json:"keyid"`
	Seed   string          `json:"seed,omitempty"`
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// ErrPassphrase says that a key is sealed and the passphrase does not open it.
var ErrPassphrase = errors.New("the passphrase does not open the key")

// NewKey makes a key for the authority of that name.
func NewKey(name string) (PrivateKey, error) {
	if printable(name) != name || name == "" {
		return PrivateKey{}, fmt.Errorf("%q is no name for an authority", name)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return PrivateKey{Name: name, key: key}, err
}

// Public returns the public half.
func (k PrivateKey) Public() (PublicKey, error) {
	pub, err := metadata.KeyFromPublicKey(k.key.Public())
	if err != nil {
		return PublicKey{}, err
	}
	id, err := pub.ID()
	return PublicKey{Name: k.Name, KeyID: id, Key: pub}, err
}

// Encode writes the key for ParsePrivateKey, sealed where a passphrase is given.
func (k PrivateKey) Encode(passphrase []byte) ([]byte, error) {
	pub, err := k.Public()
	if err != nil {
		return nil, err
	}
	f := keyFile{Name: k.Name, KeyID: pub.KeyID}
	if len(passphrase) == 0 {
		f.Seed = hex.EncodeToString(k.key.Seed())
	} else if f.Sealed, err = encrypted.Encrypt(k.key.Seed(), passphrase); err != nil {
		return nil, fmt.Errorf("seal the key: %w", err)
	}
	return marshalMeta(f)
}

// Sealed says whether a key file asks for a passphrase.
func Sealed(b []byte) bool {
	var f keyFile
	return json.Unmarshal(b, &f) == nil && len(f.Sealed) > 0
}

// ParsePrivateKey reads what Encode wrote.
func ParsePrivateKey(b, passphrase []byte) (PrivateKey, error) {
	var f keyFile
	if err := json.Unmarshal(b, &f); err != nil {
		return PrivateKey{}, fmt.Errorf("not a private key: %w", err)
	}
	seed, err := hex.DecodeString(f.Seed)
	if len(f.Sealed) > 0 {
		if seed, err = encrypted.Decrypt(f.Sealed, passphrase); err != nil {
			return PrivateKey{}, fmt.Errorf("%w: %w", ErrPassphrase, err)
		}
	}
	if err != nil || len(seed) != ed25519.SeedSize {
		return PrivateKey{}, errors.Join(errors.New("not a private key"), err)
	}
	k := PrivateKey{Name: f.Name, key: ed25519.NewKeyFromSeed(seed)}
	pub, err := k.Public()
	if err == nil && pub.KeyID != f.KeyID {
		err = errors.New("the private key is not the one that its file names")
	}
	return k, err
}

// Encode writes the key for ParsePublicKey.
func (k PublicKey) Encode() ([]byte, error) { return marshalMeta(k) }

// ParsePublicKey reads a public key and checks that it goes by its own name.
func ParsePublicKey(b []byte) (PublicKey, error) {
	var k PublicKey
	if err := json.Unmarshal(b, &k); err != nil {
		return k, fmt.Errorf("not a public key: %w", err)
	}
	if k.Key == nil || k.Name == "" {
		return k, errors.New("not a public key: it names no key or no holder")
	}
	return k, quorum(k.Name, []string{k.KeyID}, 1, map[string]*metadata.Key{k.KeyID: k.Key})
}
