package i18n

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// Default is the language that stands in where another is not known.
const Default = "en"

// Language is a language that a screen can speak.
type Language struct {
	Code string // ISO 639-1
	Name string // in the language itself
}

// Catalogues are the loaded catalogues: immutable, safe for concurrent use.
type Catalogues struct {
	languages []Language
	messages  map[string]map[string]string
	manners   map[string]manner
}

// manner is how a language writes numbers, days and counted things. A catalogue
// says it of itself under the keys "lang.".
type manner struct {
	tag       language.Tag
	decimal   string
	thousands string
	from      int    // so many digits are set apart
	date      string // layout of package time
}

// Load reads the embedded catalogues, one file a language, and refuses them when
// a key is missing in one of the languages or a text is empty.
func Load() (*Catalogues, error) { return load(files) }

func load(from fs.FS) (*Catalogues, error) {
	c := &Catalogues{messages: map[string]map[string]string{}, manners: map[string]manner{}}
	names, err := fs.Glob(from, "*.json")
	if err != nil {
		return nil, fmt.Errorf("i18n: %w", err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("i18n: %w", err)
		}
		m := map[string]string{}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fmt.Errorf("i18n: %s: %w", name, err)
		}
		code := strings.TrimSuffix(name, ".json")
		if c.manners[code], err = mannerOf(code, m); err != nil {
			return nil, fmt.Errorf("i18n: %s: %w", name, err)
		}
		c.messages[code] = m
		c.languages = append(c.languages, Language{code, m["lang.name"]})
	}
	if c.messages[Default] == nil {
		return nil, fmt.Errorf("i18n: no catalogue for %q", Default)
	}
	slices.SortStableFunc(c.languages, func(a, b Language) int {
		return strings.Compare(c.messages[a.Code]["lang.order"], c.messages[b.Code]["lang.order"])
	})
	return c, c.check()
}

func mannerOf(code string, m map[string]string) (manner, error) {
	tag, err := language.Parse(code)
	if err != nil {
		return manner{}, err
	}
	from, err := strconv.Atoi(m["lang.thousands.from"])
	if err != nil {
		return manner{}, fmt.Errorf("lang.thousands.from: %w", err)
	}
	return manner{tag: tag, decimal: m["lang.decimal"], thousands: m["lang.thousands"], from: from, date: m["lang.date"]}, nil
}

func (c *Catalogues) check() error {
	keys := map[string]bool{}
	for _, m := range c.messages {
		for k := range m {
			keys[k] = true
		}
	}
	var errs []error
	for k := range keys {
		for _, l := range c.languages {
			text := c.messages[l.Code][k]
			if text == "" || strings.TrimSpace(text) == "" && k != "lang.thousands" {
				errs = append(errs, fmt.Errorf("i18n: %s has no text for %q", l.Code, k))
			}
		}
	}
	return errors.Join(errs...)
}

// Languages lists the languages in the order in which they are offered.
func (c *Catalogues) Languages() []Language { return c.languages }

// Keys lists every key, sorted.
func (c *Catalogues) Keys() []string {
	var keys []string
	for k := range c.messages[Default] {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Match returns the first offered language among the wanted ones (codes such as
// "pl" or "pl-PL", as Accept-Language lists them), or Default.
func (c *Catalogues) Match(wanted ...string) string {
	for _, w := range wanted {
		for tag := range strings.SplitSeq(w, ",") {
			tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
			tag, _, _ = strings.Cut(tag, "-")
			if _, ok := c.messages[strings.ToLower(tag)]; ok {
				return strings.ToLower(tag)
			}
		}
	}
	return Default
}

// Words binds the catalogue of a language, for a page. Times are shown in loc.
func (c *Catalogues) Words(lang string, loc *time.Location) Words {
	m, ok := c.messages[lang]
	if !ok {
		lang, m = Default, c.messages[Default]
	}
	return Words{lang: lang, messages: m, manner: c.manners[lang], loc: loc}
}

// Words are the words of one language.
type Words struct {
	lang     string
	messages map[string]string
	manner   manner
	loc      *time.Location
}

// Lang is the code of the language.
func (w Words) Lang() string { return w.lang }

// T returns the text of a key with {0}, {1}, … replaced by the arguments. A key
// that no catalogue has is returned as it is, so that the gap shows.
func (w Words) T(key string, args ...any) string {
	s, ok := w.messages[key]
	if !ok {
		return key
	}
	for i, a := range args {
		s = strings.ReplaceAll(s, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return s
}

// Has says whether there is a text for the key.
func (w Words) Has(key string) bool {
	_, ok := w.messages[key]
	return ok
}

// Or returns the text of a key, or what stands in for it where there is none.
func (w Words) Or(key, standIn string) string {
	if s, ok := w.messages[key]; ok {
		return s
	}
	return standIn
}

// N returns the text of a counted thing: of key with ".one", ".few" or ".many"
// after it, by the plural rules of the language (Unicode CLDR), with {0} replaced
// by the number as the language writes it and {1}, … by the arguments.
func (w Words) N(key string, n int, args ...any) string {
	return w.T(key+"."+w.plural(n), append([]any{w.Count(uint64(max(0, n)))}, args...)...)
}

func (w Words) plural(n int) string {
	switch plural.Cardinal.MatchPlural(w.manner.tag, n, 0, 0, 0, 0) {
	case plural.One:
		return "one"
	case plural.Two, plural.Few:
		return "few"
	default:
		return "many"
	}
}

// Count writes a number with its thousands set apart.
func (w Words) Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) < w.manner.from {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + w.manner.thousands + s[i:]
	}
	return s
}

// Decimal writes a number with that many digits after the mark. Its minus is
// the long one, so that −90 does not break after the sign.
func (w Words) Decimal(v float64, digits int) string {
	s := strings.ReplaceAll(strconv.FormatFloat(math.Abs(v), 'f', digits, 64), ".", w.manner.decimal)
	if v < 0 && strings.Trim(s, "0"+w.manner.decimal) != "" {
		s = "−" + s
	}
	return s
}

// Ago says how long ago something was, in the coarsest unit that is still true.
func (w Words) Ago(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return w.T("ago.now")
	case d < 2*time.Minute:
		return w.N("ago.second", int(d/time.Second))
	case d < 2*time.Hour:
		return w.N("ago.minute", int(d/time.Minute))
	case d < 48*time.Hour:
		return w.N("ago.hour", int(d/time.Hour))
	}
	return w.N("ago.day", int(d/(24*time.Hour)))
}

// Date writes a day as the language does. The zero time is "–".
func (w Words) Date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return w.in(t).Format(w.manner.date)
}

// Time writes day and time of day to the second.
func (w Words) Time(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return w.Date(t) + " " + w.Clock(t)
}

// Clock writes the time of day to the second.
func (w Words) Clock(t time.Time) string { return w.in(t).Format("15:04:05") }

// ISO writes an instant for machines.
func (w Words) ISO(t time.Time) string { return w.in(t).Format(time.RFC3339) }

func (w Words) in(t time.Time) time.Time {
	if w.loc == nil {
		return t.UTC()
	}
	return t.In(w.loc)
}
