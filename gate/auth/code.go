package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 as every authenticator app does it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// One-time codes are those of RFC 6238 (TOTP): HMAC-SHA-1 of the number of
// 30-second steps since 1970, cut to six digits as RFC 4226 says, which is what
// authenticator apps of every maker take. The algorithm is twenty lines with
// vectors in the RFC; that a code works once, and by which store, is what needs
// care, and no library does that.
const (
	codeStep   = 30 // seconds
	codeDigits = 6
	codeDrift  = 1  // steps to either side
	secretLen  = 20 // bytes: that of SHA-1's output, RFC 4226 section 4
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// SecretFrom makes a secret of one-time codes from 32 bytes that nobody can
// guess: 32 characters of base32.
func SecretFrom(random [32]byte) string { return base32Text.EncodeToString(random[:secretLen]) }

// CodeAt is the one-time code of a secret for a step (unix time / 30 s).
func CodeAt(secret string, step int64) (string, error) {
	key, err := base32Text.DecodeString(secret)
	if err != nil || len(key) < secretLen {
		return "", errors.New("auth: not a secret of one-time codes")
	}
	return hotp(key, step), nil
}

func hotp(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, n%1_000_000)
}

// CodeStep is the number of the step of an instant.
func CodeStep(at time.Time) int64 { return at.Unix() / codeStep }

// CheckCode says of which step a code is, within one step of the instant and
// after the last one that was used. Whoever lets somebody in takes the step in
// the store first, so that a code works once.
func CheckCode(secret, code string, last int64, at time.Time) (step int64, ok bool) {
	now := CodeStep(at)
	for s := now - codeDrift; s <= now+codeDrift; s++ {
		want, err := CodeAt(secret, s)
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last {
			step, ok = s, true
		}
	}
	return step, ok
}

// CodeAddress is what the QR code of a secret says: the form that authenticator
// apps read (https://github.com/google/google-authenticator/wiki/Key-Uri-Format).
func CodeAddress(site, name, secret string) string {
	site = strings.ReplaceAll(site, ":", " ") // which parts the two
	q := url.Values{"secret": {secret}, "issuer": {site}}
	return "otpauth://totp/" + url.PathEscape(site+":"+name) + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// NeedsCodes says whether a role signs in with a one-time code beside the
// password.
func NeedsCodes(r Role) bool {
	return r == SecurityManager || r == FleetManager || r == Administrator
}

// MayUseKiosk says whether a role may sign in with badge and PIN, which is less
// than a password.
func MayUseKiosk(r Role) bool { return r == Guard || r == Supervisor }

// plainCode are letters and digits that nobody takes for another.
const plainCode = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// NewCode draws a code of three groups of four characters, 60 bits, for a
// person to read and type.
func NewCode() string {
	raw := make([]byte, 12)
	rand.Read(raw)
	var b strings.Builder
	for i, x := range raw {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(plainCode[int(x)%len(plainCode)])
	}
	return b.String()
}

// TypedCode is a code as it was drawn, from how a person typed it.
func TypedCode(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(s))
	if len(s) != 12 {
		return s
	}
	return s[:4] + "-" + s[4:8] + "-" + s[8:]
}

// HashCode is under what a store knows a recovery code: 60 random bits need no
// slow hash.
func HashCode(code string) [32]byte { return sha256.Sum256([]byte(TypedCode(code))) }

// RecoveryCodes is how many recovery codes a person gets.
const RecoveryCodes = 10

// NewRecoveryCodes draws them, and what the store keeps of them.
func NewRecoveryCodes() (codes []string, hashes [][32]byte) {
	for range RecoveryCodes {
		c := NewCode()
		codes, hashes = append(codes, c), append(hashes, HashCode(c))
	}
	return codes, hashes
}

// How long a start code is good, and how often one of the console may be wrong.
const (
	StartCodeLife = 72 * time.Hour
	FirstCodeLife = time.Hour
	FirstTries    = 10
)

// ErrCode says that a code is wrong, was used, or is too old.
var ErrCode = errors.New("auth: code refused")

// First is the one-time code by which a site's first administrator is made. It is
// kept nowhere but here. It is safe for concurrent use; a nil one opens to nobody.
type First struct {
	mu    sync.Mutex
	hash  [32]byte
	until time.Time
	left  int
}

// NewFirst draws the code, for the console.
func NewFirst(now time.Time) (f *First, code string) {
	code = NewCode()
	return &First{hash: HashCode(code), until: now.Add(FirstCodeLife), left: FirstTries}, code
}

// Open says whether the code could still be used.
func (f *First) Open(now time.Time) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left > 0 && now.Before(f.until)
}

// Use has the first administrator made by do, where the code is right: then it is
// used up, unless do fails. Others wait meanwhile. What is wrong, late or too
// often tried is ErrCode.
func (f *First) Use(code string, now time.Time, do func() error) error {
	if f == nil {
		return ErrCode
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left <= 0 || !now.Before(f.until) {
		return ErrCode
	}
	got := HashCode(code)
	if subtle.ConstantTimeCompare(got[:], f.hash[:]) != 1 {
		f.left--
		return ErrCode
	}
	if err := do(); err != nil {
		return err
	}
	f.left = 0
	return nil
}

// maxBadge is the longest number of a badge.
const maxBadge = 32

// ErrBadge says that a text is no number of a badge.
var ErrBadge = errors.New("auth: a badge number has 3 to 32 letters and digits")

// Badge is the number of a badge as it is kept, from how a reader or a person
// writes it. Empty stays empty: no badge.
func Badge(s string) (string, error) {
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == ':' {
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(s)))
	if s == "" {
		return "", nil
	}
	if len(s) < 3 || len(s) > maxBadge || strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') }) >= 0 {
		return "", ErrBadge
	}
	return s, nil
}
