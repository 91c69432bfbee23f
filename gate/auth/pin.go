package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// Bounds of a PIN, in digits.
const (
	MinPINDigits = 4
	MaxPINDigits = 8
)

// ErrPIN says that a PIN is not 4 to 8 digits, or one that anybody would try
// first.
var ErrPIN = errors.New("auth: a PIN has 4 to 8 digits, neither all the same nor counting up or down")

// PINMatch is how a typed PIN compares with the one that was set.
type PINMatch uint8

// The matches. PINDuress is the person's PIN with its last digit one higher (9
// becomes 0): it counts as right everywhere that can be seen, and says that the
// person is being forced.
const (
	PINWrong PINMatch = iota
	PINRight
	PINDuress
)

// isPIN says whether a text has the form of a PIN.
func isPIN(pin string) bool {
	return len(pin) >= MinPINDigits && len(pin) <= MaxPINDigits && strings.IndexFunc(pin, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// guessed says whether a PIN is among those that are tried first.
func guessed(pin string) bool {
	for _, step := range [...]int{0, 1, -1} {
		same := true
		for i := 1; i < len(pin); i++ {
			same = same && int(pin[i])-int(pin[i-1]) == step
		}
		if same {
			return true
		}
	}
	return false
}

// SetPIN hashes a PIN with a fresh salt, in the form and with the parameters of
// HashPassword. Ten thousand PINs are soon tried by whoever has the hash: what
// protects a PIN is that tries are few (PINLock), and that the hash stays in the
// store.
func SetPIN(pin string) (phc string, err error) {
	if !isPIN(pin) || guessed(pin) {
		return "", ErrPIN
	}
	return hash(pin), nil
}

// turned is a PIN with its last digit moved on by n.
func turned(pin string, n int) string {
	if !isPIN(pin) {
		return pin
	}
	last := len(pin) - 1
	return pin[:last] + string(rune('0'+(int(pin[last]-'0')+n+10)%10))
}

// DuressPIN is what the person of that PIN types when forced.
func DuressPIN(pin string) string { return turned(pin, 1) }

// CheckPIN compares a typed PIN with a PHC string. It does the same work
// whatever was typed, so that nobody can tell by the time it takes whether a
// person was forced. A hash that cannot be read is ErrHash. How many tries there
// may be is for the caller to hold to (PINLock), before this is asked.
func CheckPIN(phc, pin string) (PINMatch, error) {
	h, err := parseHash(phc)
	if err != nil {
		return PINWrong, err
	}
	key := func(pin string) int {
		if len(pin) > MaxPINDigits {
			pin = pin[:MaxPINDigits]
		}
		return subtle.ConstantTimeCompare(argon2.IDKey([]byte(pin), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key))), h.key)
	}
	typed := isPIN(pin)
	right, duress := key(pin), key(turned(pin, -1))
	switch {
	case !typed:
		return PINWrong, nil
	case right == 1:
		return PINRight, nil
	case duress == 1:
		return PINDuress, nil
	}
	return PINWrong, nil
}

// SpendPIN does the work of CheckPIN and throws it away, for a person who has no
// PIN.
func SpendPIN(pin string) {
	for range 2 {
		SpendVerification(pin)
	}
}

// Tries of a PIN: so many wrong ones in a row cost nothing, the next one locks
// it, and each one after that doubles the time.
const (
	PINTries    = 4
	pinLock     = 15 * time.Minute
	pinLockMost = 12 * time.Hour
)

// PINLock is how long a PIN stays locked after its n-th wrong try in a row. With
// 10,000 PINs, of which two fit, a year of trying finds one with a probability of
// about 0.15.
func PINLock(n int) time.Duration {
	if n <= PINTries {
		return 0
	}
	d := pinLock
	for range n - PINTries - 1 {
		if d *= 2; d >= pinLockMost {
			return pinLockMost
		}
	}
	return d
}

// PINState is what is kept of a person's PIN.
type PINState struct {
	Hash        string // PHC string; empty: the person has none
	Tries       int    // in a row that were not right, with one that is being made
	LockedUntil time.Time
}

// Locked says whether the PIN may not be tried at an instant.
func (p PINState) Locked(at time.Time) bool { return at.Before(p.LockedUntil) }

// Try is the state once one more try is being made at that instant. It counts
// before it is known whether the try is right, so that a crash, or many tries at
// once, gain nothing. False says that the PIN is locked, or that there is none,
// and nothing was counted.
func (p PINState) Try(at time.Time) (PINState, bool) {
	if p.Hash == "" || p.Locked(at) {
		return p, false
	}
	p.Tries++
	if d := PINLock(p.Tries); d > 0 {
		p.LockedUntil = at.Add(d)
	}
	return p, true
}

// String keeps the hash out of logs.
func (p PINState) String() string {
	return fmt.Sprintf("PIN set=%t tries=%d locked until %s", p.Hash != "", p.Tries, p.LockedUntil.Format(time.RFC3339))
}
