package view

import (
	"strings"
	"time"

	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/ui/asset"
	"sallyport/ui/i18n"
)

// Base is what every page has. Its methods are the vocabulary of the templates.
type Base struct {
	Words     i18n.Words
	Languages []i18n.Language
	Assets    *asset.Set
	Site      string
	Path      string // of this page, to come back to after changing a preference
	Theme     string // day, night
	Now       time.Time
	Person    *Person // nil when nobody is signed in
	Condition Say     // a condition's words; nil leaves them in the policy's English
	Ringing   int     // alarms that nobody took note of, where this person may see them
	Desk      bool    // the site keeps shifts, alarms and paper forms
}

// Person is who is signed in.
type Person struct {
	Name string
	Role auth.Role
}

// T is the text of a key in the page's language.
func (b Base) T(key string, args ...any) string { return b.Words.T(key, args...) }

// K is the text of a key made of a family and a member, such as "state." and
// "idle"; a member that the catalogue does not know is shown as it is.
func (b Base) K(family string, member any) string {
	m := toString(member)
	return b.Words.Or(family+m, m)
}

// Lang is the page's language.
func (b Base) Lang() string { return b.Words.Lang() }

// Asset is the address of a file.
func (b Base) Asset(name string) string { return b.Assets.Path(name) }

// Build is the version of all assets together.
func (b Base) Build() string { return b.Assets.Version() }

// Stamp writes day and time of day.
func (b Base) Stamp(t time.Time) string { return b.Words.Time(t) }

// Clock writes the time of day.
func (b Base) Clock() string { return b.Words.Clock(b.Now) }

// Day writes a day.
func (b Base) Day(t time.Time) string { return b.Words.Date(t) }

// ISO writes an instant for machines.
func (b Base) ISO(t time.Time) string { return b.Words.ISO(t) }

// Night says whether the page is dark.
func (b Base) Night() bool { return b.Theme == "night" }

// Citation is one source as a page shows it: who says so, in which words, of
// what date, and where to read it.
type Citation struct {
	Title, Quote, Date, Address, Reply string
}

func cite(s policy.Source) (Citation, bool) {
	c := Citation{Title: s.Title, Quote: s.Quote, Date: s.Date, Address: s.Address, Reply: s.Reply}
	if c.Title == "" {
		c.Title = s.ID
	}
	return c, c != Citation{}
}

// Web says whether the address can be a link: anything else is shown as text.
func (c Citation) Web() bool {
	return strings.HasPrefix(c.Address, "https://") || strings.HasPrefix(c.Address, "http://")
}

// Place is where the address leads, as a person says it.
func (c Citation) Place() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(c.Address, "https://"), "/")
	return strings.TrimPrefix(host, "www.")
}

func outcomeName(o policy.Outcome) string {
	switch o {
	case policy.Grant:
		return "grant"
	case policy.Flag:
		return "flag"
	case policy.Deny:
		return "deny"
	}
	return ""
}
