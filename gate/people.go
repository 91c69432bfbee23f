package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The events of people, beside those of signing in.
const (
	EventUserChanged  EventKind = "user-changed"  // role, fleets, badge, name at the identity provider
	EventUserDisabled EventKind = "user-disabled" // locked out, or let in again
	EventUserReset    EventKind = "user-reset"    // was given a new start: password, codes and PIN are gone
	EventPasswordSet  EventKind = "password-set"
	EventCodesSet     EventKind = "codes-set" // one-time codes were set up, or their recovery codes drawn anew
	EventSessionEnded EventKind = "session-ended"
	EventKioskRefused EventKind = "kiosk-refused" // the token of a kiosk came from another machine
)

// The classes of error of people.
var (
	// ErrLastAdministrator says that the site would be left without one.
	ErrLastAdministrator = errors.New("the site needs an administrator")
	// ErrBadgeTaken says that somebody else has the badge.
	ErrBadgeTaken = errors.New("somebody else has this badge")
)

// User is a person who may sign in.
type User struct {
	ID       string
	Name     string // as typed to sign in, and as it stands in records
	Role     string // one of auth.Roles
	Hash     string // of the password, PHC string, see auth.HashPassword; empty: none opens
	Lang     string // ISO 639-1; empty is the browser's choice
	Disabled bool

	Badge      string   // number as a reader reads it; empty: none
	Fleets     []string // ids of the fleets of a fleet manager
	Created    time.Time
	Secret     string    // of the one-time codes, base32; empty: not set up
	SecretStep int64     // the last step whose code was used
	StartHash  string    // of the start code that waits to be used, PHC string; empty: none
	StartUntil time.Time // its end
	Subject    string    // issuer and subject at the identity provider; empty: signs in here
	HasPIN     bool      // read only: a store sets it
}

// String keeps secrets out of logs.
func (u User) String() string { return fmt.Sprintf("user %s %q, %s", u.ID, u.Name, u.Role) }

// SessionKind is what a session is good for.
type SessionKind string

// The kinds of sessions.
const (
	SessionFull  SessionKind = ""      // everything that the role may
	SessionKiosk SessionKind = "kiosk" // begun with badge and PIN at a kiosk; covered when idle
	SessionCode  SessionKind = "code"  // the password was right, the one-time code is still to come
	SessionEnrol SessionKind = "enrol" // one-time codes are to be set up first
)

// Session is one signed-in browser. The store never sees the token itself.
type Session struct {
	TokenHash [32]byte
	UserID    string
	Created   time.Time
	Expires   time.Time

	Kind    SessionKind
	Device  string    // of the kiosk
	Seen    time.Time // last use by a person; zero: never, or covered by hand
	Address string    // where from
	Agent   string    // what the browser calls itself
}

// ID names a session to people.
func (s Session) ID() string { return fmt.Sprintf("%x", s.TokenHash[:6]) }

// Tries are wrong tries in a row, of what a digest stands for.
type Tries struct {
	Of   string
	N    int
	Last time.Time
}

// maxName is the longest name of a person, in bytes.
const maxName = 100

// CheckName makes sure that a name can be told from every other: two that look
// alike would let one person sign as two.
func CheckName(name string, others []string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || name != strings.Join(strings.Fields(name), " ") {
		return fmt.Errorf("name: %q; one to %d bytes, with single spaces inside and none around", name, maxName)
	}
	var before rune
	for _, r := range name {
		switch {
		case !unicode.IsPrint(r):
			return fmt.Errorf("name: %q holds a character that nobody sees", name)
		case unicode.Is(unicode.Mn, r) && unicode.In(before, unicode.Latin, unicode.Cyrillic, unicode.Greek):
			return fmt.Errorf("name: %q has the mark of a letter as a character of its own, %U; type the letter as one", name, r)
		}
		before = r
	}
	if slices.ContainsFunc([]string{SetUp, AutoOpen, UnderDuress}, func(own string) bool { return strings.EqualFold(name, own) }) {
		return fmt.Errorf("name: %q stands in records for what no person did", name)
	}
	for _, o := range others {
		if strings.EqualFold(strings.Join(strings.Fields(o), " "), name) {
			return fmt.Errorf("name: %q is taken, as %q: %w", name, o, ErrExists)
		}
		if looks(o) == looks(name) {
			return fmt.Errorf("name: %q looks like %q, who is somebody else: %w", name, o, ErrExists)
		}
	}
	return nil
}

// alikes are Cyrillic and Greek small letters, and digits, that look like small
// Latin ones, or do as capitals; after the confusables of Unicode Technical
// Standard 39 (https://www.unicode.org/reports/tr39/).
var alikes = strings.NewReplacer(
	"а", "a", "в", "b", "е", "e", "ё", "ë", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c", "т", "t", "у", "y", "х", "x",
	"ѕ", "s", "і", "i", "ї", "ï", "ј", "j", "һ", "h", "ԁ", "d", "ԛ", "q", "ԝ", "w", "ӏ", "i", "г", "r", "п", "n",
	"α", "a", "β", "b", "γ", "y", "ε", "e", "ζ", "z", "η", "n", "ι", "i", "κ", "k", "μ", "u", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x", "ω", "w",
	"ı", "i", "ɡ", "g", "ɑ", "a", "l", "i", "1", "i", "|", "i", "0", "o",
)

// looks is the same of two names that a reader of records could take for one.
func looks(name string) string {
	return alikes.Replace(strings.ToLower(strings.Join(strings.Fields(name), " ")))
}
