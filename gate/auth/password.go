package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Parameters of new hashes: Argon2id (RFC 9106) with 19 MiB, two passes and one
// lane, the first recommendation of OWASP's Password Storage Cheat Sheet;
// about 20 ms of one core.
const (
	hashMemoryKiB = 19 * 1024
	hashPasses    = 2
	hashLanes     = 1
	hashSaltLen   = 16
	hashKeyLen    = 32
)

// Bounds of what VerifyPassword computes, so that a damaged or hostile stored
// hash cannot take the machine's memory.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 10
	maxLanes     = 8
)

// Bounds of a password. The lower one is that of NIST SP 800-63B; the upper
// one keeps hashing cheap to refuse.
const (
	MinPasswordChars = 8
	MaxPasswordBytes = 256
)

// ErrPassword says that a password is too short, too long or not text.
var ErrPassword = errors.New("auth: password must have at least 8 characters and at most 256 bytes of UTF-8")

// ErrHash says that a stored hash is not an Argon2id PHC string within bounds.
var ErrHash = errors.New("auth: not an Argon2id hash")

// HashPassword hashes a password with a fresh salt into a PHC string,
// $argon2id$v=19$m=19456,t=2,p=1$salt$key, salt and key in unpadded base64.
func HashPassword(password string) (string, error) {
	if utf8.RuneCountInString(password) < MinPasswordChars || len(password) > MaxPasswordBytes || !utf8.ValidString(password) {
		return "", ErrPassword
	}
	return hash(password), nil
}

func hash(secret string) string {
	salt := make([]byte, hashSaltLen)
	rand.Read(salt)
	key := argon2.IDKey([]byte(secret), salt, hashPasses, hashMemoryKiB, hashLanes, hashKeyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemoryKiB, hashPasses, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// VerifyPassword says whether a password fits a PHC string, in time that does
// not depend on the key, and whether the hash was made with weaker parameters
// than HashPassword uses now and should be replaced. A hash that cannot be
// read is ErrHash.
func VerifyPassword(phc, password string) (ok, outdated bool, err error) {
	h, err := parseHash(phc)
	if err != nil {
		return false, false, err
	}
	if len(password) > MaxPasswordBytes {
		return false, false, nil
	}
	got := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	if subtle.ConstantTimeCompare(got, h.key) != 1 {
		return false, false, nil
	}
	return true, h.memory < hashMemoryKiB || h.passes < hashPasses || len(h.key) < hashKeyLen, nil
}

// SpendVerification does the work of one verification and throws it away, so
// that an unknown name takes as long to refuse as a wrong password.
func SpendVerification(password string) {
	if len(password) > MaxPasswordBytes {
		return
	}
	argon2.IDKey([]byte(password), make([]byte, hashSaltLen), hashPasses, hashMemoryKiB, hashLanes, hashKeyLen)
}

type parsedHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func parseHash(phc string) (parsedHash, error) {
	var h parsedHash
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return h, ErrHash
	}
	if part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, fmt.Errorf("%w: version %q", ErrHash, part[2])
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, fmt.Errorf("%w: parameters %q", ErrHash, part[3])
	}
	if part[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.lanes) {
		return h, fmt.Errorf("%w: parameters %q", ErrHash, part[3])
	}
	if h.memory < 8 || h.memory > maxMemoryKiB || h.passes < 1 || h.passes > maxPasses || h.lanes < 1 || h.lanes > maxLanes {
		return h, fmt.Errorf("%w: parameters %q out of bounds", ErrHash, part[3])
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(part[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, fmt.Errorf("%w: salt", ErrHash)
	}
	if h.key, err = base64.RawStdEncoding.Strict().DecodeString(part[5]); err != nil || len(h.key) < 16 || len(h.key) > 64 {
		return h, fmt.Errorf("%w: key", ErrHash)
	}
	return h, nil
}

// freeTries is how many wrong passwords in a row cost nothing: gloves and rain.
const freeTries = 4

// maxLockDelay bounds the lock-out, so that nobody can lock a guard out of the
// gate for a shift by typing nonsense.
const maxLockDelay = 5 * time.Minute

// LockDelay is how long a name stays locked after its n-th wrong password in a
// row: nothing for the first four, then 5 s doubling up to 5 min.
func LockDelay(n int) time.Duration {
	if n <= freeTries {
		return 0
	}
	d := 5 * time.Second
	for range n - freeTries - 1 {
		if d *= 2; d >= maxLockDelay {
			return maxLockDelay
		}
	}
	return d
}
