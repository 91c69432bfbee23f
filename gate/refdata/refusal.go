package refdata

import (
	"errors"
	"fmt"
)

// Class says in one word why something was refused.
type Class string

// The classes of refusal.
const (
	NotABundle    Class = "not-a-bundle"  // no archive of this format
	Truncated     Class = "truncated"     // the file ends too early
	Damaged       Class = "damaged"       // a checksum of the archive, or an installed file, does not fit
	TooLarge      Class = "too-large"     // a file, or all together, over the limit
	TooMany       Class = "too-many"      // more files than the limit
	BadName       Class = "bad-name"      // a path that climbs out, or is no name of this format
	NotAFile      Class = "not-a-file"    // a link, a device, a directory
	Duplicate     Class = "duplicate"     // one name twice
	Unexpected    Class = "unexpected"    // a file that nobody signed for, or out of order
	Missing       Class = "missing"       // a file that was signed for is not there
	Malformed     Class = "malformed"     // metadata that is not what TUF asks for
	FewSignatures Class = "signatures"    // fewer signatures than the role needs
	UnknownKey    Class = "unknown-key"   // too few, and one is by a key that the role does not have
	BadSignature  Class = "bad-signature" // a signature does not fit: changed after it was signed
	BadHash       Class = "bad-hash"      // a file is not the one that was signed for
	Rollback      Class = "rollback"      // older than what is held
	Leap          Class = "leap"          // a number so far ahead that nothing could follow
	Expired       Class = "expired"
	Clock         Class = "clock"      // the clock is behind the release
	Mixed         Class = "mixed"      // pieces of different releases
	Delegation    Class = "delegation" // a role that gives away, or claims, what it may not
	Unusable      Class = "unusable"   // properly signed, but this program cannot read it
	Held          Class = "held"       // this very release is installed already
)

// Refusal is why a release was not accepted. Nothing was changed.
type Refusal struct {
	Class    Class
	Sentence string // one sentence for a person
	Err      error  // the cause, for the log; nil where the sentence is all there is
}

// Error returns the class, the sentence and the whole chain.
func (r *Refusal) Error() string {
	s := "refused (" + string(r.Class) + "): " + r.Sentence
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// ClassOf returns the class of the refusal in err's chain, or "".
func ClassOf(err error) Class {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Class
	}
	return ""
}

func refuse(c Class, err error, format string, args ...any) *Refusal {
	return &Refusal{Class: c, Sentence: fmt.Sprintf(format, args...), Err: err}
}
