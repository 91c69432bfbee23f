package view

import (
	"cmp"
	"slices"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
)

// PersonRow is one person as the list shows them.
type PersonRow struct {
	ID, Name    string
	Role        auth.Role
	Badge       string
	Fleets      []string
	Disabled    bool
	Started     bool      // has a password, or signs in by the identity provider
	StartUntil  time.Time // of the start code that waits; zero: none
	PIN         bool
	Codes       bool // one-time codes are set up
	NeedsCodes  bool
	Outside     bool // signs in by the identity provider
	Lang        string
	Created     time.Time
	RecoverLeft int
	Has         []string // what they sign in with, in words
}

// State is the key of how a person stands.
func (r PersonRow) State() string {
	switch {
	case r.Disabled:
		return "disabled"
	case !r.Started:
		return "waits"
	case r.NeedsCodes && !r.Codes && !r.Outside:
		return "no-codes"
	}
	return "active"
}

// Shape is the sign of that state.
func (r PersonRow) Shape() string {
	return map[string]string{"disabled": "deny", "waits": "flag", "no-codes": "flag", "active": "grant"}[r.State()]
}

// Pick is one thing to choose.
type Pick struct {
	Value, Label string
	Chosen       bool
}

// PersonForm is what is typed of a person.
type PersonForm struct {
	Name, Badge string
	Roles       []Pick
	Langs       []Pick
	Fleets      []Pick
}

// People is the list of people, with a form to add one.
type People struct {
	Base
	Rows    []PersonRow
	Form    PersonForm
	Problem string
}

func (People) template() string { return "people" }

// SessionRow is one sign-in.
type SessionRow struct {
	ID      string
	Kind    string
	Created time.Time
	Expires time.Time
	Seen    time.Time
	Address string
	Agent   string
	Here    bool // this browser
}

// PersonPage is one person, with what may be done.
type PersonPage struct {
	Base
	Row        PersonRow
	Form       PersonForm
	Sessions   []SessionRow
	SessionsAt string // where one is ended
	Self       bool
	StartCode  string // to hand over, shown this once
	Problem    string
	Done       string
}

func (PersonPage) template() string { return "person" }

// Me is what a person keeps of themselves.
type Me struct {
	Base
	Row         PersonRow
	Langs       []Pick
	Sessions    []SessionRow
	SessionsAt  string
	HasPassword bool
	PINs        bool // whether the role signs with a PIN
	Problem     string
	Done        string
}

func (Me) template() string { return "me" }

// Codes is where one-time codes are set up. With Recovery they are.
type Codes struct {
	Base
	Next     string
	Must     bool // nothing else may be done before
	QR       QR
	Secret   string
	Replaces bool // others were set up before; HasPassword: the password is asked for
	Password bool
	Recovery []string
	Problem  string
}

func (Codes) template() string { return "codes" }

// Blocks is the secret in groups of four, to type.
func (c Codes) Blocks() []string {
	var out []string
	for s := c.Secret; s != ""; s = s[min(4, len(s)):] {
		out = append(out, s[:min(4, len(s))])
	}
	return out
}

// SignInCode asks for the one-time code.
type SignInCode struct {
	Base
	Who     string
	Next    string
	Problem string
}

func (SignInCode) template() string { return "signincode" }

// Start is where a person chooses a password with a start code, or where the
// first administrator is made.
type Start struct {
	Base
	First   bool
	Name    string
	Least   int // characters of a password
	Problem string
}

func (Start) template() string { return "start" }

// Onward leads on after an identity provider sent somebody here: the browser
// sends this site's cookie only from a page of this site.
type Onward struct {
	Base
	Next string
}

func (Onward) template() string { return "onward" }

// KioskSignIn is the screen of a kiosk at which nobody has signed in, or that was
// covered.
type KioskSignIn struct {
	Base
	LaneID   string
	Name     string // of the lane
	Next     string
	Enrolled bool
	Covered  string // who worked here; empty: nobody
	Waiting  bool   // a vehicle is at the line
	Badge    string
	Problem  string
}

func (KioskSignIn) template() string { return "kiosksignin" }

// KioskRow is one enrolled kiosk.
type KioskRow struct {
	ID, Name, Lane string
	Created        time.Time
	Revoked        bool
}

// Kiosks is the list of kiosks, with a form to enrol one.
type Kiosks struct {
	Base
	Rows    []KioskRow
	Lanes   []Pick
	Code    string // to type at the kiosk, shown this once
	Until   time.Time
	Address string // to open there
	Problem string
}

func (Kiosks) template() string { return "kiosks" }

// NewPersonRow is a person as the list shows them.
func NewPersonRow(b Base, u gate.User) PersonRow {
	role := auth.Role(u.Role)
	r := PersonRow{ID: u.ID, Name: u.Name, Role: role, Badge: u.Badge, Fleets: u.Fleets, Disabled: u.Disabled, Started: u.Hash != "" || u.Subject != "",
		PIN: u.HasPIN, Codes: u.Secret != "", NeedsCodes: auth.NeedsCodes(role), Outside: u.Subject != "", Lang: u.Lang, Created: u.Created}
	if u.StartHash != "" && b.Now.Before(u.StartUntil) {
		r.StartUntil = u.StartUntil
	}
	for _, has := range []struct {
		yes bool
		key string
	}{{u.Hash != "", "password"}, {r.Codes, "codes"}, {u.Badge != "", "badge"}, {u.HasPIN, "pin"}, {r.Outside, "outside"}} {
		if has.yes {
			r.Has = append(r.Has, b.T("people.has."+has.key))
		}
	}
	return r
}

// NewPersonForm offers what may be chosen for a person. fleets are ids and names.
func NewPersonForm(b Base, u gate.User, fleets []Pick) PersonForm {
	f := PersonForm{Name: u.Name, Badge: u.Badge}
	for _, r := range auth.Roles() {
		f.Roles = append(f.Roles, Pick{string(r), b.K("role.", r), string(r) == u.Role})
	}
	f.Langs = LangChoices(b, u.Lang)
	for _, c := range fleets {
		c.Chosen = slices.Contains(u.Fleets, c.Value)
		f.Fleets = append(f.Fleets, c)
	}
	return f
}

// LangChoices are the languages of the screens.
func LangChoices(b Base, chosen string) []Pick {
	var out []Pick
	for _, l := range b.Languages {
		out = append(out, Pick{l.Code, l.Name, l.Code == chosen})
	}
	return out
}

// NewSessionRows are sign-ins as pages show them; here is the one of this
// browser.
func NewSessionRows(list []gate.Session, here [32]byte, now time.Time) []SessionRow {
	var out []SessionRow
	for _, s := range list {
		if !now.Before(s.Expires) {
			continue
		}
		out = append(out, SessionRow{ID: s.ID(), Kind: cmp.Or(string(s.Kind), "full"), Created: s.Created, Expires: s.Expires, Seen: s.Seen,
			Address: s.Address, Agent: s.Agent, Here: s.TokenHash == here})
	}
	return out
}
